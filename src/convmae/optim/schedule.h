#pragma once

#include <cstdint>

namespace convmae {

/// Linear warm-up from zero, then half a cosine down to `min_lr`, as functions of the (fractional)
/// epoch (MAE, arXiv 2111.06377, appendix A), or of the step where the run's length is in steps.
struct LearningRateSchedule {
  double lr = 0;      ///< reached at the end of the warm-up
  double min_lr = 0;  ///< reached at the end of the run
  double warmup = 0;  ///< how long it takes, in epochs or steps as `length`
  double length = 0;  ///< of the run

  /// The learning rate at `time` (0 <= time < length), in double precision.
  double at(double time) const;
};

/// The peak learning rate that a base rate gives for so many images an optimizer step: the linear
/// scaling rule with 256 as its unit.
double scaled_learning_rate(double base_lr, std::int64_t images_per_step);

/// The fractional epoch of a micro-batch, which decides its learning rate.
double fractional_epoch(std::int64_t epoch, std::int64_t batch, std::int64_t batches_per_epoch);

}  // namespace convmae
