#include "convmae/checkpoint/weights.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/position_transfer.h"
#include "convmae/checkpoint/published_notes.h"
#include "convmae/checkpoint/vitmae_config.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/model/architecture.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace convmae {
namespace {

constexpr const char* kDecoderWeight = "decoder_pred.weight";

void refuse_directory(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw UserError("--init takes a file of weights, but " + quote(path.string()) +
                    " is a directory: continue a run with --resume " + shell_word(path.string()) +
                    ", or take its weights with --init " +
                    shell_word((path / "weights.safetensors").string()));
  }
}

void refuse_training_checkpoint(const WeightFile& file) {
  const SafetensorsFile* const safetensors = file.safetensors();
  if (safetensors != nullptr && checkpoint_kind(*safetensors) == CheckpointKind::training) {
    const std::filesystem::path run = file.path().parent_path().parent_path();
    throw UserError(quote(file.path().string()) +
                    " is a training checkpoint, which --init does not take: continue its run with "
                    "--resume " +
                    shell_word((run.empty() ? std::filesystem::path(".") : run).string()));
  }
}

/// What this program wrote beside the weights: metadata, or in a `.pth` file an entry of its own.
std::map<std::string, std::string> own_metadata(const WeightFile& file) {
  const PthFile* const pth = file.pth();
  const Dict* const root = pth == nullptr ? nullptr : pth->root().dict();
  const Value* const entry = root == nullptr ? nullptr : root->find(kDescriptionEntry);
  if (entry == nullptr || entry->dict() == nullptr) return file.metadata();
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : entry->dict()->entries) {
    if (const auto text = value.text()) metadata.emplace(key_text(key), *text);
  }
  return metadata;
}

/// The same, or else what its shapes and training arguments say. Throws UserError if that is not
/// enough.
CheckpointInfo infer_info(const WeightFile& file) {
  if (std::optional<CheckpointInfo> info = described_by_itself(file)) return *info;
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture) {
    throw UserError(quote(file.path().string()) +
                    " holds no model that this program knows: see `convmae inspect`");
  }
  CheckpointInfo info;
  try {
    info.model = pretrain_config_of(*architecture);
  } catch (const UserError& error) {
    throw UserError("cannot rebuild the model of " + quote(file.path().string()) + ": " +
                    error.what());
  }
  apply_training_arguments(training_arguments(file), info.model);
  validate(info.model.encoder);
  info.preprocessing =
      default_preprocessing(info.model.encoder.in_chans, info.model.encoder.img_size);
  return info;
}

CheckpointInfo adjusted(CheckpointInfo info, const std::function<void(ModelConfig&)>& adjust) {
  if (adjust) adjust(info.model);
  validate(info.model);
  return info;
}

LoadedModel load_own(const WeightFile& weights, const std::function<void(ModelConfig&)>& adjust) {
  const CheckpointFile file(weights.path());
  if (!file.has(kDecoderWeight)) {
    throw UserError(quote(weights.path().string()) +
                    " has an encoder alone, which cannot fill in blocks: give a checkpoint of "
                    "pretraining");
  }
  const CheckpointInfo info = adjusted(file.info(), adjust);
  for_each_parameter(info.model, HeldTensors(weights, "", HeldTensors::Lacking::none));
  LoadedModel loaded{make_pretrain_model(info.model), info};
  for (const auto& [name, tensor] : named_tensors(*loaded.model)) file.read(name, tensor);
  return loaded;
}

LoadedModel load_foreign(const WeightFile& file, const std::function<void(ModelConfig&)>& adjust) {
  const CheckpointInfo info = adjusted(infer_info(file), adjust);
  for_each_parameter(info.model, HeldTensors(file, "", HeldTensors::Lacking::tables));
  LoadedModel loaded{make_pretrain_model(info.model), info};
  for (const auto& item : loaded.model->named_parameters()) {
    const Weight* const weight = file.find(item.key());
    if (weight != nullptr) {
      read_tensor(file, *weight, item.value());
    } else if (item.value().requires_grad()) {
      throw UserError(quote(file.path().string()) + " lacks the tensor " + quote(item.key()) +
                      " of the model that its other tensors make: give a whole checkpoint");
    }
  }
  return loaded;
}

/// "1 tensor", "3 tensors".
std::string tensors_text(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " tensor" : " tensors");
}

}  // namespace

bool is_ours(const WeightFile& file) {
  const SafetensorsFile* const safetensors = file.safetensors();
  return safetensors != nullptr && checkpoint_kind(*safetensors).has_value();
}

void save_weights(const std::filesystem::path& path, const torch::nn::Module& model,
                  const CheckpointInfo& info) {
  write_checkpoint(path, CheckpointKind::weights, named_tensors(model), info, {});
}

WeightFile open_for_init(const std::filesystem::path& path) {
  refuse_directory(path);
  WeightFile file(path);
  refuse_training_checkpoint(file);
  return file;
}

std::string origin_of(const WeightFile& file) {
  std::string text(describe(file.kind()));
  if (file.is_vitmae()) text += " with the names of Hugging Face's ViTMAE";
  if (file.others().empty()) return text;
  constexpr std::size_t kMostNames = 4;
  text += file.location().empty() ? ", the tensors at its top"
                                  : ", its entry " + quote(file.location());
  text += " (not";
  for (std::size_t i = 0; i < std::min(kMostNames, file.others().size()); ++i) {
    text += (i == 0 ? " " : ", ") + quote(file.others()[i].name);
  }
  return text + (file.others().size() > kMostNames ? ", ...)" : ")");
}

std::optional<CheckpointInfo> described_by_itself(const WeightFile& file) {
  try {
    if (std::optional<CheckpointInfo> own = described_model(own_metadata(file))) return own;
  } catch (const nlohmann::json::exception& error) {
    throw UserError(quote(file.path().string()) +
                    " describes its model badly: " + brief(error.what()));
  } catch (const UserError& error) {
    throw UserError(quote(file.path().string()) + " describes its model badly: " + error.what());
  }
  const std::optional<ModelConfig> vitmae = vitmae_config_beside(file);
  if (!vitmae) return std::nullopt;
  const EncoderConfig& encoder = vitmae->encoder;
  return CheckpointInfo{*vitmae, default_preprocessing(encoder.in_chans, encoder.img_size), {}, {}};
}

LoadedModel load_model(const std::filesystem::path& path,
                       const std::function<void(ModelConfig&)>& adjust) {
  const WeightFile file(path);
  return is_ours(file) ? load_own(file, adjust) : load_foreign(file, adjust);
}

std::string InitReport::text() const {
  std::string text = "took " + tensors_text(loaded) + " from a " + file + positions + "\n";
  text += missing_decoder == 0
              ? "nothing is new"
              : "new: " + tensors_text(missing_decoder) + " of the decoder, which the file lacks";
  if (unused.empty()) return text + "; nothing was left over";
  constexpr std::size_t kMostNames = 4;
  text += "; left over: " + tensors_text(std::ssize(unused)) + " (";
  for (std::size_t i = 0; i < unused.size(); ++i) {
    if (i == kMostNames) {
      text += ", ...";
      break;
    }
    text += (i == 0 ? "" : ", ") + quote(unused[i]);
    if (unused[i] == "cls_token") text += ": this model has no class token";
  }
  return text + ")";
}

InitReport initialise_from(const std::filesystem::path& path, PretrainModel& model) {
  const WeightFile file = open_for_init(path);
  const std::optional<Architecture> architecture = architecture_of(file);
  const std::string prefix = architecture ? architecture->prefix : "";
  InitReport report;
  report.file = origin_of(file);
  if (const std::string stripped = file.stripped_prefix() + prefix; !stripped.empty()) {
    report.file += ", names without " + quote(stripped);
  }
  PositionTransfer positions(file, prefix, model.config().encoder);
  std::set<std::string> known;
  std::int64_t missing_encoder = 0;
  std::string first_missing;
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    known.insert(prefix + name);
    if (!item.value().requires_grad()) continue;
    if (is_relative_table(name)) {
      report.loaded += static_cast<std::int64_t>(positions.take_relative(name, item.value()));
      continue;
    }
    if (!is_decoder_weight(name)) ++report.encoder_tensors;
    if (const Weight* const weight = file.find(prefix + name)) {
      read_tensor(file, *weight, item.value());
      ++report.loaded;
    } else if (is_decoder_weight(name)) {
      ++report.missing_decoder;
    } else {
      if (missing_encoder++ == 0) first_missing = name;
    }
  }
  if (missing_encoder == report.encoder_tensors) {
    throw UserError("no tensor of " + quote(path.string()) +
                    " belongs to the encoder (expected names such as " + quote(first_missing) +
                    "): give a file of this method's weights, or leave out --init");
  }
  if (missing_encoder > 0) {
    throw UserError(quote(path.string()) + " lacks " + std::to_string(missing_encoder) + " of " +
                    std::to_string(report.encoder_tensors) + " encoder tensors, the first is " +
                    quote(first_missing) + ": choose the model that the file was made for");
  }
  report.positions = positions.notes();
  const auto is_noted = [&](const std::string& name) {
    return name == prefix + "pos_embed" || (name.starts_with(prefix) && is_relative_table(name));
  };
  for (const Weight& weight : file.weights()) {
    if (!known.contains(weight.name) && !is_noted(weight.name))
      report.unused.push_back(weight.name);
  }
  return report;
}

}  // namespace convmae
