#include "convmae/detect/box_loss.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <vector>

namespace convmae {
namespace {

TEST(SmoothL1, IsSquareNearZeroAndLinearBeyond) {
  const at::Tensor difference = torch::tensor({-3.0, -0.25, 0.0, 0.5, 2.0}, torch::kDouble);
  const at::Tensor target = torch::ones({5}, torch::kDouble);
  const auto loss = [&](double beta) { return smooth_l1(target + difference, target, beta); };
  const auto expect = [](const at::Tensor& found, const std::vector<double>& expected) {
    EXPECT_TRUE(torch::allclose(found, torch::tensor(expected, torch::kDouble)));
  };
  expect(loss(0), {3, 0.25, 0, 0.5, 2});
  expect(loss(0.5), {2.75, 0.0625, 0, 0.25, 1.75});
  expect(loss(1), {2.5, 0.03125, 0, 0.125, 1.5});
}

TEST(SmoothL1, HasAFiniteGradientEverywhere) {
  for (const double beta : {0.0, 0.5}) {
    const at::Tensor x = torch::tensor({-3.0, -0.25, 0.0, 0.25, 2.0}, torch::kDouble);
    x.requires_grad_();
    smooth_l1(x, torch::zeros({5}, torch::kDouble), beta).sum().backward();
    const at::Tensor slope = beta == 0 ? torch::sign(x) : (x / beta).clamp(-1, 1);
    EXPECT_TRUE(torch::allclose(x.grad(), slope.detach()));
  }
  EXPECT_EQ(smooth_l1(torch::zeros({0, 4}), torch::zeros({0, 4}), 0).numel(), 0);
}

}  // namespace
}  // namespace convmae
