#include "convmae/checkpoint/classifier_weights.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/head_classes.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/position_transfer.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/model/architecture.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

namespace convmae {
namespace {

constexpr const char* kKind = "classification";

bool is_first_convolution(const std::string& name) {
  return name == "patch_embed1.proj.weight" || name == "patch_embed.proj.weight";
}

/// What fine-tuning puts behind an encoder, which files of pretraining do not have.
bool is_new_part(const std::string& name) {
  return name.starts_with("head.") || name.starts_with("fc_norm.");
}

bool is_of_classes(const std::string& name) {
  return name == "head.weight" || name == "head.bias" || name == "head.1.weight" ||
         name == "head.1.bias";
}

/// Copies weights of one file into a classifier, adapting what may differ.
class Transfer {
 public:
  Transfer(const WeightFile& file, std::string prefix, Classifier& classifier, InChansInit in_chans,
           const std::vector<std::string>& classes)
      : file_(file),
        prefix_(std::move(prefix)),
        classifier_(classifier),
        positions_(file, prefix_, classifier.config().encoder),
        in_chans_(in_chans),
        classes_(classes) {}

  ClassifierInit run() {
    const at::NoGradGuard no_grad;
    for (const auto& item : classifier_.named_parameters()) take(item.key(), item.value());
    for (const auto& item : classifier_.named_buffers()) take(item.key(), item.value());
    if (taken_ == 0) {
      throw UserError("no tensor of " + quote(file_.path().string()) +
                      " belongs to this model (expected names such as " + quote(first_missing_) +
                      "): give a file of this method's weights, or leave out --init");
    }
    if (!first_missing_.empty()) {
      throw UserError(quote(file_.path().string()) + " lacks the encoder tensor " +
                      quote(first_missing_) + ": choose the model that the file was made for");
    }
    return {"init: took " + std::to_string(taken_) + " tensors from a " + origin_of(file_) +
                positions_.notes() + notes_ + shallower(),
            head_taken_};
  }

 private:
  void take(const std::string& name, const at::Tensor& target) {
    const Weight* const weight = file_.find(prefix_ + name);
    if (name == "pos_embed") {
      taken_ += static_cast<std::int64_t>(positions_.take_absolute(target));
      return;
    }
    if (is_relative_table(name)) {
      taken_ += static_cast<std::int64_t>(positions_.take_relative(name, target));
      return;
    }
    if (is_new_part(name)) {
      if (weight == nullptr || at::IntArrayRef(weight->tensor.shape) != target.sizes()) {
        notes_ += "; new: " + name;
        return;
      }
      if (is_of_classes(name)) return take_classes(*weight, name, target);
    } else if (weight == nullptr) {
      if (first_missing_.empty()) first_missing_ = name;
      return;
    }
    if (is_first_convolution(name) && weight->tensor.shape.size() == 4 &&
        weight->tensor.shape[1] != target.size(1)) {
      taken_ += static_cast<std::int64_t>(
          take_first_convolution(file_, *weight, target, in_chans_, notes_));
      return;
    }
    read_tensor(file_, *weight, target);
    ++taken_;
  }

  /// What is said of a file with more blocks than the model, which is another one then.
  std::string shallower() const {
    const auto known = classifier_.named_parameters();
    const std::string start = prefix_ + "blocks";
    const auto blocks = std::ranges::count_if(file_.weights(), [&](const Weight& weight) {
      return weight.name.starts_with(start) && !is_relative_table(weight.name) &&
             !known.contains(weight.name.substr(prefix_.size()));
    });
    return blocks == 0 ? ""
                       : "; left over: " + std::to_string(blocks) +
                             " tensors of blocks that this model does not have";
  }

  /// A part of the head that has a row for each class.
  void take_classes(const Weight& weight, const std::string& name, const at::Tensor& target) {
    at::Tensor rows = read_tensor(file_, weight);
    if (!classes_.empty()) {
      if (!head_rows_) {
        head_rows_ = head_rows(file_, classes_);
        if (!head_rows_->note.empty()) notes_ += "; " + head_rows_->note;
      }
      if (!head_rows_->rows) {
        notes_ += "; new: " + name;
        return;
      }
      rows = rows.index_select(0, at::tensor(*head_rows_->rows));
    }
    target.copy_(rows);
    head_taken_ = true;
    ++taken_;
  }

  const WeightFile& file_;
  std::string prefix_;
  Classifier& classifier_;
  PositionTransfer positions_;
  InChansInit in_chans_;
  std::int64_t taken_ = 0;
  std::string first_missing_;
  std::string notes_;
  bool head_taken_ = false;
  const std::vector<std::string>& classes_;
  std::optional<HeadRows> head_rows_;
};

LoadedClassifier load_own(const WeightFile& weights) {
  const CheckpointFile file(weights.path());
  LoadedClassifier loaded;
  const ClassifierConfig config = config_of_task(file.path(), file.info());
  for_each_parameter(config, HeldTensors(weights, "", HeldTensors::Lacking::none));
  loaded.model = std::make_shared<Classifier>(config);
  file.info().task.at("classes").get_to(loaded.classes);
  loaded.preprocessing = file.info().preprocessing;
  const bool averaged = file.has("ema.head.weight");
  for (const auto& [name, tensor] : named_tensors(*loaded.model)) {
    file.read(averaged && file.has("ema." + name) ? "ema." + name : name, tensor);
  }
  return loaded;
}

/// The sizes of the encoder in a file that does not describe itself.
EncoderConfig encoder_of_shapes(const WeightFile& file, const Architecture& architecture) {
  std::optional<EncoderConfig> encoder;
  for (const std::string& name : model_preset_names()) {
    const EncoderConfig preset = model_preset(name, architecture.method()).encoder;
    if (preset.embed_dim.back() == architecture.embed_dim.back()) encoder = preset;
  }
  if (!encoder) {
    throw UserError("cannot rebuild the encoder of " + quote(file.path().string()) +
                    ": its width belongs to no named model, so the number of attention heads is "
                    "not known");
  }
  encoder->in_chans = architecture.in_chans;
  encoder->patch_size = architecture.patch_size;
  encoder->embed_dim = architecture.embed_dim;
  encoder->depth = architecture.depth;
  encoder->mlp_ratio = architecture.mlp_ratio;
  encoder->kernel_size = architecture.kernel_size;
  const std::optional<CheckpointInfo> info = described_by_itself(file);
  encoder->position = info ? info->model.encoder.position : architecture.position();
  if (architecture.num_heads) encoder->num_heads = *architecture.num_heads;
  // A stage without blocks has no kernel: any odd number describes it.
  std::ranges::replace(encoder->kernel_size, 0, 1);
  try {
    if (const std::optional<Size> grid = grid_of_tables(file, architecture)) {
      const std::optional<Size> size = image_of(*grid, encoder->patch_size);
      if (!size) throw UserError("the size of its images is beyond 64 bits");
      encoder->img_size = *size;
    }
    validate(*encoder);
  } catch (const UserError& error) {
    throw UserError("cannot rebuild the encoder of " + quote(file.path().string()) + ": " +
                    error.what());
  }
  return *encoder;
}

ClassifierConfig config_of_shapes(const WeightFile& file, const Architecture& architecture) {
  const Weight* const head = file.find(architecture.prefix + "head.weight");
  if (head == nullptr || head->tensor.shape.size() != 2) {
    throw UserError(quote(file.path().string()) +
                    " holds no classifier (it has no head.weight): see `convmae inspect`");
  }
  ClassifierConfig config;
  config.encoder = encoder_of_shapes(file, architecture);
  config.num_classes = head->tensor.shape[0];
  const bool pooled = file.find(architecture.prefix + "fc_norm.weight") != nullptr;
  config.pool = pooled ? Pool::mean : Pool::token;
  return config;
}

/// By the names of the flags.
nlohmann::ordered_json sizes_json(Method method, const EncoderConfig& model) {
  nlohmann::ordered_json json = {
      {"method", to_string(method)},  {"input_size", {model.img_size.height, model.img_size.width}},
      {"in_chans", model.in_chans},   {"patch_size", model.patch_size},
      {"embed_dim", model.embed_dim}, {"depth", model.depth},
      {"mlp_ratio", model.mlp_ratio}, {"num_heads", model.num_heads}};
  if (!model.kernel_size.empty()) json["kernel_size"] = model.kernel_size;
  json["position"] = to_string(model.position);
  return json;
}

}  // namespace

ClassifierInit initialise_classifier(const std::filesystem::path& path, Classifier& classifier,
                                     InChansInit in_chans_init,
                                     const std::vector<std::string>& classes) {
  const WeightFile file = open_for_init(path);
  const std::optional<Architecture> architecture = architecture_of(file);
  return Transfer(file, architecture ? architecture->prefix : "", classifier, in_chans_init,
                  classes)
      .run();
}

nlohmann::ordered_json encoder_settings(const std::filesystem::path& path) {
  const WeightFile file = open_for_init(path);
  const std::optional<Architecture> architecture = architecture_of(file);
  const HeldTensors held(file, architecture ? architecture->prefix : "",
                         HeldTensors::Lacking::tables);
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    for_each_parameter(info->model.encoder, held);
    nlohmann::ordered_json settings = sizes_json(info->model.method, info->model.encoder);
    settings["mean"] = info->preprocessing.mean;
    settings["std"] = info->preprocessing.std;
    return settings;
  }
  if (!architecture) {
    throw UserError(quote(path.string()) +
                    " holds no model that this program knows: see `convmae inspect`");
  }
  const EncoderConfig encoder = encoder_of_shapes(file, *architecture);
  for_each_parameter(encoder, held);
  return sizes_json(architecture->method(), encoder);
}

ClassifierConfig config_of_task(const std::filesystem::path& file, const CheckpointInfo& info) {
  const std::string name = quote(file.string());
  const nlohmann::ordered_json& task = info.task;
  if (!task.is_object() || task.value("kind", nlohmann::ordered_json()) != kKind) {
    throw UserError(name + " holds no classifier: give what convmae finetune or linprobe wrote");
  }
  const nlohmann::ordered_json pool = task.value("pool", nlohmann::ordered_json());
  const std::optional<std::vector<std::string>> classes = class_names_in(task);
  if (!pool.is_string() || !classes) {
    throw UserError(name +
                    " describes its classifier badly: its pool is no text, or its classes "
                    "are no list of names");
  }
  ClassifierConfig config;
  config.encoder = info.model.encoder;
  config.pool = parse_pool(pool.get<std::string>());
  config.head = task.value("head", nlohmann::ordered_json()) == "probe" ? ClassifierHead::probe
                                                                        : ClassifierHead::linear;
  config.num_classes = std::ssize(*classes);
  validate(config);
  return config;
}

nlohmann::ordered_json task_of(const ClassifierConfig& config,
                               const std::vector<std::string>& classes) {
  return {{"kind", kKind},
          {"pool", to_string(config.pool)},
          {"head", config.head == ClassifierHead::probe ? "probe" : "linear"},
          {"classes", classes}};
}

LoadedClassifier load_classifier(const std::filesystem::path& path, const Compute& compute) {
  LoadedClassifier loaded;
  const WeightFile file(path);
  const SafetensorsFile* const safetensors = file.safetensors();
  if (safetensors != nullptr && checkpoint_kind(*safetensors)) {
    loaded = load_own(file);
  } else {
    const std::optional<Architecture> architecture = architecture_of(file);
    if (!architecture) {
      throw UserError(quote(path.string()) +
                      " holds no model that this program knows: see `convmae inspect`");
    }
    const ClassifierConfig config = config_of_shapes(file, *architecture);
    validate(config);
    for_each_parameter(config,
                       HeldTensors(file, architecture->prefix, HeldTensors::Lacking::tables));
    loaded.model = std::make_shared<Classifier>(config);
    Transfer(file, architecture->prefix, *loaded.model, InChansInit::random, {}).run();
    loaded.preprocessing = default_preprocessing(config.encoder.in_chans, config.encoder.img_size);
    loaded.classes = class_numbers(config.num_classes);
    loaded.named = false;
  }
  loaded.model->eval();
  hold_weights_as(loaded.model->encoder(), compute.type);
  place(*loaded.model, compute);
  return loaded;
}

}  // namespace convmae
