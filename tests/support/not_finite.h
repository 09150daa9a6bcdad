#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

/// Whether what is not a number arrives wherever the definition in float64 brings it.
namespace convmae::not_finite {

/// Numbers of float64 that every type holds.
inline at::Tensor coarse(at::IntArrayRef shape) {
  return at::randn(shape).to(at::kBFloat16).to(at::kDouble);
}

/// A differentiable function of some tensors.
using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

/// Its result and gradients in this type, where the gradient of the result is the last of
/// `numbers`.
inline std::vector<at::Tensor> pass(const Function& function,
                                    const std::vector<at::Tensor>& numbers, at::ScalarType type) {
  std::vector<at::Tensor> leaves;
  leaves.reserve(numbers.size());
  for (const at::Tensor& x : numbers) leaves.push_back(x.to(type).detach().clone());
  const at::Tensor grad = leaves.back();
  leaves.pop_back();
  for (const at::Tensor& leaf : leaves) leaf.requires_grad_();
  const at::Tensor out = function(leaves);
  out.backward(grad);
  std::vector<at::Tensor> all;
  all.reserve(numbers.size());
  all.push_back(out.detach());
  for (const at::Tensor& leaf : leaves) all.push_back(leaf.grad());
  return all;
}

/// NaN and other numbers stand at the same places, and finite ones agree.
inline void expect_alike(const std::vector<at::Tensor>& ours, const std::vector<at::Tensor>& exact,
                         bool same_nan, double tolerance) {
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const at::Tensor found = ours[i].to(at::kDouble);
    const at::Tensor finite = exact[i].isfinite();
    ASSERT_TRUE(at::equal(found.isfinite(), finite))
        << "tensor " << i << ": " << found.isfinite().sum().item<std::int64_t>() << " finite of "
        << found.numel() << ", expected " << finite.sum().item<std::int64_t>();
    if (same_nan) {
      ASSERT_TRUE(at::equal(found.isnan(), exact[i].isnan())) << "tensor " << i;
    }
    const at::Tensor kept = exact[i].masked_select(finite);
    if (kept.numel() == 0) continue;
    const double scale = std::max(1.0, kept.abs().max().item<double>());
    ASSERT_LE((found.masked_select(finite) - kept).abs().max().item<double>(), tolerance * scale)
        << "tensor " << i;
  }
}

/// Puts NaN and both infinities into each of `numbers`, one at a time, at places `step` apart and
/// at the last, and compares `ours` in `type` with `plain` in float64. `numbers` must be
/// representable in that type.
inline void expect_arrives(const Function& ours, const Function& plain,
                           const std::vector<at::Tensor>& numbers, at::ScalarType type,
                           double tolerance, std::int64_t step) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity}) {
    for (std::size_t which = 0; which < numbers.size(); ++which) {
      const std::int64_t last = numbers[which].numel() - 1;
      for (std::int64_t at = 0; at <= last;
           at = at == last ? last + 1 : std::min(at + step, last)) {
        SCOPED_TRACE(testing::Message()
                     << value << " in tensor " << which << " at " << at << ", " << type);
        std::vector<at::Tensor> spoiled = numbers;
        spoiled[which] = numbers[which].clone();
        spoiled[which].view(-1)[at] = value;
        expect_alike(pass(ours, spoiled, type), pass(plain, spoiled, at::kDouble),
                     std::isnan(value), tolerance);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace convmae::not_finite
