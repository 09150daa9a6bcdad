#pragma once

#include "convmae/model/pretrain_model.h"
#include "convmae/train/checkpoint_file.h"

#include <filesystem>
#include <memory>
#include <string>

namespace convmae {

/// Writes the model alone, under published names.
void save_weights(const std::filesystem::path& path, const PretrainModel& model,
                  const CheckpointInfo& info);

/// A model with its weights, ready to use.
struct LoadedModel {
  std::shared_ptr<PretrainModel> model;
  CheckpointInfo info;
};

/// Rebuilds the model that a file of ours describes, from weights or from a training checkpoint.
/// Throws UserError if the file is damaged or is not one of ours.
LoadedModel load_model(const std::filesystem::path& path);

/// What taking weights from a file did.
struct InitReport {
  std::int64_t loaded = 0;
  std::int64_t encoder_tensors = 0;  ///< of the model
  std::int64_t missing_decoder = 0;  ///< tensors of the model's decoder that the file lacks
  std::int64_t unused = 0;           ///< tensors of the file that the model has no place for

  /// One line for the console and the log.
  std::string text() const;
};

/// Takes a new run's weights from a safetensors file, ours or any other with published names. Fixed
/// position tables keep the model's own values, as they follow from its grid. Decoder tensors may
/// be missing; an encoder tensor that is missing or has another shape is a UserError, and so is a
/// run directory or a training checkpoint, which are for --resume.
InitReport initialise_from(const std::filesystem::path& path, PretrainModel& model);

}  // namespace convmae
