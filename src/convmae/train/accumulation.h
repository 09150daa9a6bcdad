#pragma once

#include <cstdint>

namespace convmae {

/// How an epoch's micro-batches make optimizer steps: `accum_iter` of them a step, and the last
/// step of the epoch takes what is left over. Every step divides its losses by the number of
/// micro-batches that it really has, so that the tail steps at the same scale as the others.
class StepPlan {
 public:
  /// Throws UserError unless accum_iter is 1 or more and the epoch has at least one micro-batch.
  StepPlan(std::int64_t batches_per_epoch, std::int64_t accum_iter);

  std::int64_t batches_per_epoch() const { return batches_; }
  std::int64_t steps_per_epoch() const { return (batches_ + accum_iter_ - 1) / accum_iter_; }
  /// The first micro-batch of a step of the epoch.
  std::int64_t first_batch(std::int64_t step) const { return step * accum_iter_; }
  /// Micro-batches of that step: accum_iter, or fewer in the last step.
  std::int64_t batches(std::int64_t step) const;

 private:
  std::int64_t batches_;
  std::int64_t accum_iter_;
};

}  // namespace convmae
