#pragma once

#include <cstdint>
#include <vector>

namespace convmae {

/// How the learning rate falls.
enum class Decay {
  cosine,  ///< half a cosine
  linear,
  drops,  ///< to a tenth, several times
};

/// How it rises at the beginning of a run.
enum class Warmup {
  /// From zero to the peak, where the decay begins (MAE, arXiv 2111.06377, appendix A).
  before_decay,
  /// The decay begins with the run. A line, from a share of the peak to where the decay is when the
  /// warm-up ends, goes before it (detectron2).
  line,
  /// The decay begins with the run, times a factor that rises from a share to 1 (mmcv).
  factor,
};

/// The form of a schedule, whatever its numbers.
struct ScheduleShape {
  Decay decay = Decay::cosine;
  Warmup warmup = Warmup::before_decay;
  double warmup_start = 0;  ///< that share
  /// Where the rate drops, as shares of the decay.
  std::vector<double> drops{};
};

/// Warm-up, then the decay to `min_lr` (drops end where they end), as functions of the (fractional)
/// epoch, or of the step where the run's length is in steps.
struct LearningRateSchedule {
  double lr = 0;      ///< the peak
  double min_lr = 0;  ///< reached at the end of the run
  double warmup = 0;  ///< how long it takes, in epochs or steps as `length`
  double length = 0;  ///< of the run
  ScheduleShape shape{};

  /// The learning rate at `time` (0 <= time < length), in double precision.
  double at(double time) const;

 private:
  /// Without a warm-up, after that share of the decay.
  double decayed(double progress) const;
};

/// The peak learning rate that a base rate gives for so many images an optimizer step: the linear
/// scaling rule with 256 as its unit.
double scaled_learning_rate(double base_lr, std::int64_t images_per_step);

/// The fractional epoch of a micro-batch, which decides its learning rate.
double fractional_epoch(std::int64_t epoch, std::int64_t batch, std::int64_t batches_per_epoch);

}  // namespace convmae
