#pragma once

#include "convmae/train/training_options.h"

#include <cstdint>
#include <string>

namespace convmae {

/// What a pretraining run can be asked for, beside what every run can. The published recipe of
/// ConvMAE-B is the default.
struct PretrainOptions : TrainingOptions {
  PretrainOptions();

  bool init_optimizer = false;  ///< go on with the optimizer state and epoch of --init's file
  double beta1 = 0.9;
  double beta2 = 0.95;

  // Evaluating.
  std::int64_t panel_every_epochs = 0;  ///< 0: about ten times a run
  std::int64_t panel_images = 6;
  std::int64_t probe_every = 0;  ///< epochs between measurements with KnnProbe; 0: off
  std::string probe_data;        ///< images with classes for it; empty: eval_data
};

/// Fills in what was left open. Paths to data become absolute.
void resolve(PretrainOptions& options);

/// The same for the pictures, when the run's length is settled.
void settle_panels(PretrainOptions& options);

/// Throws UserError for values that make no sense. The model's configuration is checked too.
void validate(const PretrainOptions& options);

}  // namespace convmae
