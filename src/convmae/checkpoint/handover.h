#pragma once

#include "convmae/checkpoint/published_optimizer.h"
#include "convmae/io/weights.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/optim/optimizer.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace convmae {

/// A pretraining checkpoint in the published layout (`.pth`, or a safetensors file made of one)
/// with all that a run goes on from: weights, the state of AdamW, and the epoch. The run that takes
/// it over is a new one: it sees its images in another order and under other masks than the run
/// that wrote the file would have.
class Handover {
 public:
  /// Throws UserError if the file lacks one of these.
  explicit Handover(const std::filesystem::path& path);

  /// Epochs that the weights have been trained for.
  std::int64_t epochs_done() const { return epochs_done_; }

  /// What the file says about its run, by the names of the flags of `pretrain`: the model, betas
  /// and weight decay, and what its training arguments tell of batches and learning rate. Null
  /// stands for a number that a run needs and the file does not have. Throws UserError if the
  /// optimizer was set up as this program's cannot be.
  nlohmann::ordered_json settings() const;

  /// Puts weights and optimizer state into `model` and `optimizer`; returns a line for the console.
  /// Throws UserError if the file belongs to another model.
  std::string restore(PretrainModel& model, const AdamW& optimizer) const;

 private:
  WeightFile file_;
  PublishedOptimizer optimizer_;
  std::int64_t epochs_done_ = 0;
};

}  // namespace convmae
