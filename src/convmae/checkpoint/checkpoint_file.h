#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/io/safetensors/safetensors.h"
#include "convmae/io/weights.h"
#include "convmae/model/config.h"
#include "convmae/model/named_tensors.h"

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// What a file of ours holds beside the model.
enum class CheckpointKind {
  training,  ///< everything that continues a run: optimizer state and where it stands
  weights,   ///< the model alone
};

/// Where the metadata of a safetensors file have the names of the weights in the model's own order,
/// as a JSON list: the tensors themselves are sorted by name, but the published training code
/// numbers the parameters of its optimizer in the model's order.
inline constexpr const char* kOrderKey = "convmae.order";

/// Where the metadata of a training checkpoint have its trainer state.
inline constexpr const char* kTrainerKey = "convmae.trainer";
/// The entry of the trainer state that has the optimizer's groups.
inline constexpr const char* kTrainerGroups = "optimizer_groups";

/// What a safetensors file holds, if this program wrote it.
std::optional<CheckpointKind> checkpoint_kind(const SafetensorsFile& file);

/// What a file says about the model in it.
struct CheckpointInfo {
  ModelConfig model;
  Preprocessing preprocessing;
  /// Where the weights come from: version, command, seed, epoch, data, arithmetic.
  nlohmann::ordered_json provenance;
  /// What stands behind the encoder, and the names of its classes; null for a pretraining model.
  nlohmann::ordered_json task = nullptr;
};

/// How a file of this program describes its model: entries of a safetensors file's metadata.
std::map<std::string, std::string> description(const CheckpointInfo& info);

/// The inverse; nothing if the metadata describe no model. Throws UserError or
/// nlohmann::json::exception if they do so badly.
std::optional<CheckpointInfo> described_model(const std::map<std::string, std::string>& metadata);

/// Writes tensors (any device, any strides) and metadata as a safetensors file, atomically, with a
/// digest over both in the metadata. `trainer` is empty for kind weights.
void write_checkpoint(const std::filesystem::path& path, CheckpointKind kind,
                      const NamedTensors& tensors, const CheckpointInfo& info,
                      const nlohmann::ordered_json& trainer);

/// A checkpoint that this program wrote, open for reading.
class CheckpointFile {
 public:
  /// Throws UserError that says what is wrong if the file cannot be read, is damaged (its content
  /// does not have the digest that it had when it was written) or was not written by this program.
  explicit CheckpointFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  CheckpointKind kind() const { return kind_; }
  const CheckpointInfo& info() const { return info_; }
  /// Null for kind weights.
  const nlohmann::ordered_json& trainer() const { return trainer_; }

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  /// Copies the tensor `name` into `target`. Throws UserError if it is missing or has another
  /// shape.
  void read(const std::string& name, const at::Tensor& target) const;

 private:
  SafetensorsFile file_;
  CheckpointKind kind_ = CheckpointKind::weights;
  CheckpointInfo info_;
  nlohmann::ordered_json trainer_;
};

/// Copies a tensor of a file into `target`, which has the same shape, converting the element type.
/// Throws UserError for another shape or an element type that weights cannot have.
void read_tensor(const WeightFile& file, const Weight& weight, const at::Tensor& target);
/// The same into a new float32 tensor of the shape that it has in the file.
at::Tensor read_tensor(const WeightFile& file, const Weight& weight);

/// Throws the UserError about a tensor of a file whose shape is not the one that a model needs.
[[noreturn]] void refuse_shape(const std::filesystem::path& file, const std::string& name,
                               at::IntArrayRef shape, at::IntArrayRef needed);

/// A shape for messages: [256, 1, 5, 5].
std::string shape_text(at::IntArrayRef shape);

}  // namespace convmae
