#include "convmae/dist/gradient_reducer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/processes.h"

namespace convmae {
namespace {

using testing::Each;

/// A loss whose gradients are known: sum(w * factor) + sum(b) * factor.
at::Tensor loss_of(const at::Tensor& weight, const at::Tensor& bias, double factor) {
  return (weight * factor).sum() + bias.sum() * factor;
}

TEST(GradientReducer, LeavesTheMeanOfAllProcesses) {
  const auto work = [](ProcessGroup& group) {
    const at::Tensor weight = at::ones({5, 3}, at::kDouble).requires_grad_(true);
    const at::Tensor bias = at::ones({3}, at::kDouble).requires_grad_(true);
    GradientReducer reducer({{"weight", weight}, {"bias", bias}}, group);
    bool well = true;
    // Three steps of two passes: the first one stays within its process.
    for (int step = 0; step < 3; ++step) {
      weight.mutable_grad() = at::Tensor();
      bias.mutable_grad() = at::Tensor();
      const auto own = static_cast<double>(group.rank() + 1);
      loss_of(weight, bias, own).backward();
      reducer.backward(loss_of(weight, bias, 10 * own));
      const double mean = 11 * (1 + 2) / 2.0;
      well = well && at::equal(weight.grad(), at::full_like(weight, mean)) &&
             at::equal(bias.grad(), at::full_like(bias, mean));
    }
    return well;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(GradientReducer, NamesAProcessThatEndsInTheBackwardPass) {
  const auto work = [](ProcessGroup& group) {
    const at::Tensor weight = at::ones({4}).requires_grad_(true);
    GradientReducer reducer({{"weight", weight}}, group);
    group.sum(at::ones({1}));
    if (group.rank() == 1) ::_exit(0);
    try {
      reducer.backward(weight.sum());
    } catch (const ProcessLost& lost) {
      return std::string(lost.what()).starts_with("process 1 of 2 has ended");
    }
    return false;
  };
  EXPECT_THAT(run_processes(2, work, std::chrono::seconds(1)), Each(0));
}

}  // namespace
}  // namespace convmae
