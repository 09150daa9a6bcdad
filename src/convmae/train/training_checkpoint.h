#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/optim/optimizer.h"
#include "convmae/train/run_position.h"
#include "convmae/train/task.h"

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace convmae {

/// What must be the same for a run to continue exactly.
struct RunIdentity {
  std::uint64_t seed = 0;
  /// Images in which its epochs are counted, and how many times that a step has. How many processes
  /// and micro-batches share a step is not part of it.
  std::int64_t unit = 0;
  std::int64_t units_per_step = 0;
  std::int64_t images = 0;
  /// Digests of the images' names below the folder that all lie in, and of their classes, both in
  /// the source's order. Empty in checkpoints that know none.
  std::string image_names;
  std::string image_classes;
  /// Of what else is said of the images; empty if that is nothing.
  std::string annotations;

  bool operator==(const RunIdentity&) const = default;
};

struct TrainingState {
  RunPosition position;
  RunIdentity identity;
  /// Device, backend of the GEMMs and number of compute threads: they decide the last bits.
  std::string device = "cpu";
  std::string gemm;
  std::int64_t threads = 0;
  std::string precision = "fp32";
};

nlohmann::ordered_json to_json(const TrainingState& state);
/// Throws nlohmann::json::exception if something is missing or of another type, and UserError for
/// numbers that no run has counted.
TrainingState training_state_from_json(const nlohmann::ordered_json& json);

/// The optimizer's groups as such an entry, with the keys of PyTorch's AdamW, so that the state can
/// go on there.
FurtherState pytorch_groups(const AdamW& optimizer);

/// Everything that training changes: of the model, the optimizer and what else a task keeps.
NamedTensors training_tensors(const torch::nn::Module& model, const Optimizer& optimizer,
                              const FurtherState& further = {});

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
