#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/io/weights.h"
#include "convmae/model/autoencoder/pretrain_model.h"

#include <torch/nn/module.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Writes the model alone, under published names.
void save_weights(const std::filesystem::path& path, const torch::nn::Module& model,
                  const CheckpointInfo& info);

/// A model with its weights, ready to use.
struct LoadedModel {
  std::shared_ptr<PretrainModel> model;
  CheckpointInfo info;
};

/// The entry of a `.pth` file in which this program describes the model, with the same keys and
/// texts as in the metadata of its safetensors files.
inline constexpr const char* kDescriptionEntry = "convmae";

/// The file of weights that --init names. Throws UserError if it cannot be read, and for a run
/// directory or a training checkpoint of ours, which are for --resume.
WeightFile open_for_init(const std::filesystem::path& path);

/// What a file is, for messages: its kind, and which of its entries was taken where it has several.
std::string origin_of(const WeightFile& file);

/// Whether this program wrote the file: CheckpointFile reads it, and refuses what has been damaged.
bool is_ours(const WeightFile& file);

/// What a file that this program wrote says about its model, or the configuration beside weights of
/// Hugging Face's ViTMAE; nothing for other files. Throws UserError if it says it badly.
std::optional<CheckpointInfo> described_by_itself(const WeightFile& file);

/// Rebuilds the model in a file. A file of ours (weights or a training checkpoint) describes it; of
/// any other file with published names the shapes do (pretrain_config_of), its training arguments
/// say what shapes do not, and images are taken to be normalised as usual. `adjust` may change what
/// parameters do not depend on, such as the mask ratio. Throws UserError if the file is damaged,
/// holds no model of a known kind or an encoder alone, and if the model does not make sense after
/// `adjust`.
LoadedModel load_model(const std::filesystem::path& path,
                       const std::function<void(ModelConfig&)>& adjust = {});

/// What taking weights from a file did.
struct InitReport {
  std::int64_t loaded = 0;
  std::int64_t encoder_tensors = 0;  ///< of the model
  std::int64_t missing_decoder = 0;  ///< tensors of the model's decoder that the file lacks
  std::vector<std::string> unused;   ///< tensors of the file that the model has no place for
  std::string file;                  ///< its kind, and what was taken off its names
  std::string positions;             ///< PositionTransfer::notes

  /// Two lines for the console: what was loaded; what is new and what was left over.
  std::string text() const;
};

/// Takes a new run's weights from a file of any kind that WeightFile reads, ours or any other with
/// published names, also inside a detector or segmentor. Fixed position tables keep the model's own
/// values, as they follow from its grid; tables of relative positions are interpolated, or stay new
/// if the file has none. Decoder tensors may be missing; an encoder tensor that is
/// missing or has another shape is a UserError, and so is a run directory or a training checkpoint
/// of ours, which are for --resume.
InitReport initialise_from(const std::filesystem::path& path, PretrainModel& model);

}  // namespace convmae
