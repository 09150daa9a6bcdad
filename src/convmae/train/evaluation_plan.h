#pragma once

#include "convmae/train/run_position.h"

#include <cstdint>

namespace convmae {

/// When held-out images are evaluated, beside the end of a run.
struct EvaluationPlan {
  std::int64_t every_epochs = 1;
  std::int64_t every_steps = 0;  ///< of the run; 0: by epochs

  /// Whether they are due where at least one step is done.
  bool due(const RunPosition& position, std::int64_t steps_per_epoch) const {
    if (every_steps > 0) return position.global_step % every_steps == 0;
    return position.step == steps_per_epoch && (position.epoch + 1) % every_epochs == 0;
  }
};

}  // namespace convmae
