#pragma once

#include <cstdint>

namespace convmae {

/// Decides whether an optimizer step may be taken. A step whose loss or gradient is not finite
/// would destroy the weights, so it is left out and counted; many in a row mean that the weights
/// are lost already.
class StepGuard {
 public:
  /// `max_in_a_row` 0: never give up.
  explicit StepGuard(std::int64_t max_in_a_row) : max_in_a_row_(max_in_a_row) {}

  /// True if loss and gradient norm are finite; otherwise counts a skipped step.
  bool admit(double loss, double grad_norm);
  /// Whether the last `max_in_a_row` steps were all skipped.
  bool gave_up() const { return max_in_a_row_ > 0 && in_a_row_ >= max_in_a_row_; }

  std::int64_t skipped() const { return skipped_; }
  std::int64_t in_a_row() const { return in_a_row_; }
  /// Continues the counts of an interrupted run.
  void restore(std::int64_t skipped, std::int64_t in_a_row);

 private:
  std::int64_t max_in_a_row_;
  std::int64_t skipped_ = 0;
  std::int64_t in_a_row_ = 0;
};

}  // namespace convmae
