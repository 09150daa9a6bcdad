#include "convmae/checkpoint/convert_weights.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/checkpoint/element_type.h"
#include "convmae/checkpoint/published_notes.h"
#include "convmae/checkpoint/published_optimizer.h"
#include "convmae/checkpoint/vitmae_config.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/pth/pth_writer.h"
#include "convmae/io/value_json.h"
#include "convmae/optim/optimizer.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

bool is_real(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16;
}

/// The bytes of one weight in the type that it shall have.
std::vector<std::byte> bytes_of(const WeightFile& file, const Weight& weight, DType dtype) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(weight.tensor.bytes()));
  file.read(weight, bytes);
  if (weight.tensor.dtype == dtype) return bytes;
  const at::Tensor converted =
      at::from_blob(bytes.data(), {weight.tensor.numel()}, scalar_type_of(weight.tensor.dtype))
          .to(scalar_type_of(dtype));
  std::vector<std::byte> result(converted.nbytes());
  std::memcpy(result.data(), converted.const_data_ptr(), result.size());
  return result;
}

class Conversion {
 public:
  Conversion(const std::filesystem::path& in, const ConversionOptions& options)
      : file_(in, keeps_names(options) ? WeightNames::stored : WeightNames::published),
        options_(options),
        config_(config_of(file_, options)),
        selection_(select_weights(file_, options.layout, options.encoder_only)) {
    report_.written = std::ssize(selection_.weights);
    report_.left_out = selection_.left_out;
    report_.entries_left_out = file_.others();
    for (const WeightFile::Other& entry : file_.others()) report_.left_out += entry.tensors;
    order_weights();
    const bool whole = keeps_names(options) && !options.dtype;
    if (whole && options.optimizer && file_.has_optimizer())
      optimizer_ = read_published_optimizer(file_);
    report_.optimizer_states = std::ssize(optimizer_.states);
    report_.optimizer_left_out = file_.has_optimizer() && optimizer_.states.empty();
  }

  ConversionReport write(const std::filesystem::path& out) {
    if (!config_.empty()) {
      write_with_config(out);
    } else if (options_.to_pth) {
      write_pth_file(out);
    } else {
      write_safetensors_file(out);
    }
    return report_;
  }

 private:
  static bool keeps_names(const ConversionOptions& options) {
    return !options.layout && !options.encoder_only;
  }

  /// The text of the file that the layout has beside the weights; empty for most.
  static std::string config_of(const WeightFile& file, const ConversionOptions& options) {
    if (options.layout != WeightLayout::vitmae) return "";
    if (options.to_pth) {
      throw UserError(
          "the layout vitmae is written as safetensors, which Hugging Face's models "
          "are opened from: give a name such as model.safetensors");
    }
    const std::optional<Architecture> architecture = architecture_of(file);
    const bool encoder_only =
        options.encoder_only || (architecture && !architecture->decoder.has_value());
    return vitmae_config_text(vitmae_model(file, encoder_only), encoder_only);
  }

  /// The weights first: an error leaves neither, and no description without them.
  void write_with_config(const std::filesystem::path& out) {
    const std::filesystem::path path = vitmae_config_path(out);
    if (out.filename() == path.filename()) {
      throw UserError(quote(out.string()) +
                      " is the name of the configuration beside the weights: give another one, "
                      "such as model.safetensors");
    }
    require_vitmae_config_free(out, config_);
    AtomicFile config(path);
    config.write(config_);
    write_safetensors_file(out);
    config.commit();
  }

  DType dtype_of(const Weight& weight) const {
    const DType stored = weight.tensor.dtype;
    return options_.dtype && is_real(stored) ? *options_.dtype : stored;
  }

  /// Safetensors files are sorted by name; those of ours and those that came from a `.pth` file say
  /// what order they had.
  void order_weights() {
    const Json order = noted_json(file_, kOrderKey);
    if (!order.is_array()) return;
    std::map<std::string, std::size_t> places;
    for (const Json& name : order) {
      if (name.is_string()) places.emplace(name.get<std::string>(), places.size());
    }
    const auto place = [&](const RenamedWeight& weight) {
      const auto known = places.find(weight.weight.name);
      return known == places.end() ? places.size() : known->second;
    };
    std::ranges::stable_sort(selection_.weights, {}, place);
  }

  std::vector<Weight> weights_in_order() const {
    std::vector<Weight> weights;
    for (const RenamedWeight& item : selection_.weights) {
      weights.push_back({item.name, item.weight.tensor});
    }
    return weights;
  }

  void write_safetensors_file(const std::filesystem::path& out) {
    std::vector<TensorSource> sources;
    std::vector<std::byte> buffer;
    for (const RenamedWeight& item : selection_.weights) {
      const Weight& weight = item.weight;
      const DType dtype = dtype_of(weight);
      sources.push_back({item.name, dtype, weight.tensor.shape, [this, &buffer, &weight, dtype] {
                           buffer = bytes_of(file_, weight, dtype);
                           return std::span<const std::byte>(buffer);
                         }});
    }
    std::deque<float> steps;
    for (const auto& entry : optimizer_.states) {
      const std::string& name = entry.first;
      const StoredAdamWState& state = entry.second;
      const auto add = [&](const char* prefix, const StridedTensor& tensor) {
        sources.push_back({prefix + name, tensor.dtype, tensor.shape, [this, &buffer, &tensor] {
                             buffer.resize(static_cast<std::size_t>(tensor.bytes()));
                             file_.read({"", tensor}, buffer);
                             return std::span<const std::byte>(buffer);
                           }});
      };
      add(kAveragePrefix, state.exp_avg);
      add(kSquarePrefix, state.exp_avg_sq);
      const float& step = steps.emplace_back(static_cast<float>(state.step));
      sources.push_back({kStepPrefix + name, DType::f32, {}, [&step] {
                           return std::as_bytes(std::span(&step, 1));
                         }});
    }
    write_safetensors(out, sources, metadata());
  }

  std::map<std::string, std::string> metadata() const {
    std::map<std::string, std::string> metadata = file_.metadata();
    // These vouch for a file that this one no longer is.
    for (const char* const key : {"convmae.kind", "convmae.digest", kTrainerKey}) {
      metadata.erase(key);
    }
    metadata["format"] = "pt";
    if (!optimizer_.states.empty()) metadata[kGroupsKey] = json_text(optimizer_.groups);
    if (file_.pth() == nullptr) {
      // What stands beside weights of ViTMAE is lost with their names.
      const std::optional<CheckpointInfo> info =
          file_.is_vitmae() ? described_by_itself(file_) : std::nullopt;
      if (info) metadata.merge(description(*info));
      return metadata;
    }
    Json order = Json::array();
    for (const RenamedWeight& item : selection_.weights) {
      // As this program reads them back.
      const bool stored = options_.layout == WeightLayout::vitmae;
      order.push_back(as_utf8(stored ? item.weight.name : item.name));
    }
    metadata[kOrderKey] = json_text(order);
    if (const auto epoch = file_.epoch()) metadata[kEpochKey] = std::to_string(*epoch);
    if (const Json arguments = training_arguments(file_); !arguments.is_null()) {
      metadata[kArgumentsKey] = json_text(arguments);
    }
    if (const std::optional<CheckpointInfo> info = described_by_itself(file_)) {
      metadata.merge(description(*info));
    }
    return metadata;
  }

  void write_pth_file(const std::filesystem::path& out) {
    ValueArena arena;
    std::deque<std::vector<std::byte>> buffers;
    Dict* const weights = arena.new_dict(/*ordered=*/true);
    for (const RenamedWeight& item : selection_.weights) {
      weights->entries.emplace_back(arena.keep(item.name),
                                    arena.new_tensor(tensor_of(item.weight, buffers)));
    }
    Dict* const root = arena.new_dict();
    if (options_.layout == WeightLayout::mmseg) {
      root->entries = {{"meta", arena.new_dict()}, {"state_dict", weights}};
    } else {
      root->entries = {{"model", weights}};
    }
    if (!options_.layout) add_other_entries(arena, *root);
    write_pth(out, root);
  }

  /// Epoch, arguments and optimizer, as the published code names them.
  void add_other_entries(ValueArena& arena, Dict& root) {
    if (!optimizer_.states.empty()) {
      root.entries.emplace_back("optimizer",
                                write_published_optimizer(arena, weights_in_order(), optimizer_));
    }
    const std::optional<CheckpointInfo> info = described_by_itself(file_);
    if (const std::optional<std::int64_t> epoch = last_epoch(info)) {
      root.entries.emplace_back("epoch", *epoch);
    }
    if (const Value* const arguments = file_.arguments()) {
      root.entries.emplace_back("args", *arguments);
    } else if (const Json noted = training_arguments(file_); !noted.is_null()) {
      root.entries.emplace_back("args", value_from_json(noted, arena));
    }
    if (!info) return;
    Dict* const own = arena.new_dict();
    for (const auto& [key, text] : description(*info)) {
      own->entries.emplace_back(std::string_view(arena.keep(key)),
                                std::string_view(arena.keep(text)));
    }
    root.entries.emplace_back(kDescriptionEntry, own);
  }

  /// The published code numbers epochs from 0 and keeps the last one; this program counts those
  /// that are done.
  std::optional<std::int64_t> last_epoch(const std::optional<CheckpointInfo>& info) const {
    if (const std::optional<std::int64_t> epoch = published_epoch(file_)) return epoch;
    const Json done =
        info && info->provenance.is_object() ? info->provenance.value("epoch", Json()) : Json();
    const std::optional<std::int64_t> epochs = whole_number(done);
    return epochs ? checked_add(*epochs, -1) : std::nullopt;
  }

  StridedTensor tensor_of(const Weight& weight, std::deque<std::vector<std::byte>>& buffers) const {
    const DType dtype = dtype_of(weight);
    if (dtype == weight.tensor.dtype && weight.parts.empty()) return weight.tensor;
    StridedTensor tensor;
    tensor.dtype = dtype;
    tensor.shape = weight.tensor.shape;
    tensor.stride = contiguous_strides(tensor.shape);
    tensor.storage = buffers.emplace_back(bytes_of(file_, weight, dtype));
    return tensor;
  }

  WeightFile file_;
  const ConversionOptions& options_;
  std::string config_;
  WeightSelection selection_;
  PublishedOptimizer optimizer_;
  ConversionReport report_;
};

}  // namespace

ConversionReport convert_weights(const std::filesystem::path& in, const std::filesystem::path& out,
                                 const ConversionOptions& options) {
  return Conversion(in, options).write(out);
}

}  // namespace convmae
