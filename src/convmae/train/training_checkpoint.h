#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/optim/optimizer.h"

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace convmae {

/// Where a run stands between two optimizer steps. Together with model and optimizer this is all
/// that an exact continuation needs, since every random draw is a function of epoch and sample.
struct RunPosition {
  std::int64_t epoch = 0;  ///< the epoch that the run is in, from 0
  /// Steps of that epoch that are done. After its last step the epoch goes on until the model has
  /// been looked at and the log has the epoch's line.
  std::int64_t step = 0;
  std::int64_t global_step = 0;  ///< steps of the run that are done, skipped ones included
  /// Sum and number of the losses of this epoch's micro-batches, without those of skipped steps.
  double loss_sum = 0;
  std::int64_t loss_count = 0;
  std::int64_t skipped = 0;  ///< steps of the run that a non-finite loss or gradient left out
  std::int64_t skipped_in_a_row = 0;
  std::int64_t skipped_in_epoch = 0;

  bool operator==(const RunPosition&) const = default;
};

/// What must be the same for a run to continue exactly.
struct RunIdentity {
  std::uint64_t seed = 0;
  std::int64_t batch_size = 0;
  std::int64_t accum_iter = 0;
  std::int64_t images = 0;
  /// Digests of the images' names below the folder that all lie in, and of their classes, both in
  /// the source's order. Empty in checkpoints that know none.
  std::string image_names;
  std::string image_classes;

  bool operator==(const RunIdentity&) const = default;
};

struct TrainingState {
  RunPosition position;
  RunIdentity identity;
  /// Backend of the matrix products and number of compute threads: they decide the last bits.
  std::string gemm;
  std::int64_t threads = 0;
  std::string precision = "fp32";
};

nlohmann::ordered_json to_json(const TrainingState& state);
/// Throws nlohmann::json::exception if something is missing or of another type, and UserError for
/// numbers that no run has counted.
TrainingState training_state_from_json(const nlohmann::ordered_json& json);

/// What a kind of run keeps in its checkpoints beside model, optimizer and TrainingState.
struct FurtherState {
  NamedTensors tensors;
  nlohmann::ordered_json entries = nlohmann::ordered_json::object();  ///< of the trainer state
};

/// The optimizer's groups as such an entry, with the keys of PyTorch's AdamW, so that the state can
/// go on there.
FurtherState pytorch_groups(const AdamW& optimizer);

/// Writes everything that a run continues from, atomically and durably. The optimizer's tensors
/// have the names that it gives them.
void save_training_checkpoint(const std::filesystem::path& path, const torch::nn::Module& model,
                              const Optimizer& optimizer, const CheckpointInfo& info,
                              const TrainingState& state, const FurtherState& further = {});

/// Where the run stood that wrote the file. Throws UserError for a file of weights.
TrainingState training_state(const CheckpointFile& file);

/// Puts the file's tensors into those of `model`, `optimizer` and `further`. Throws UserError if
/// one is missing or has another shape.
void restore_training_checkpoint(const CheckpointFile& file, const torch::nn::Module& model,
                                 const Optimizer& optimizer, const FurtherState& further = {});

}  // namespace convmae
