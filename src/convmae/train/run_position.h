#pragma once

#include <cstdint>

namespace convmae {

/// Where a run stands between two optimizer steps. Together with model and optimizer this is all
/// that an exact continuation needs, since every random draw is a function of epoch and sample.
struct RunPosition {
  std::int64_t epoch = 0;  ///< the epoch that the run is in, from 0
  /// Steps of that epoch that are done. After its last step the epoch goes on until the model has
  /// been evaluated and the log has the epoch's line.
  std::int64_t step = 0;
  std::int64_t global_step = 0;  ///< steps of the run that are done, skipped ones included
  /// Sum and number of the losses of this epoch's units (TrainingOptions::unit), without those of
  /// skipped steps.
  double loss_sum = 0;
  std::int64_t loss_count = 0;
  std::int64_t skipped = 0;  ///< steps of the run that a non-finite loss or gradient left out
  std::int64_t skipped_in_a_row = 0;
  std::int64_t skipped_in_epoch = 0;

  /// Goes on to the next epoch.
  void begin_next_epoch() {
    ++epoch;
    step = 0;
    loss_sum = 0;
    loss_count = 0;
    skipped_in_epoch = 0;
  }

  bool operator==(const RunPosition&) const = default;
};

}  // namespace convmae
