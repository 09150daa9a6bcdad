#include "convmae/optim/lars.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace convmae {
namespace {

at::Tensor parameter(const at::Tensor& value, const at::Tensor& gradient) {
  at::Tensor result = value.clone().requires_grad_(true);
  result.mutable_grad() = gradient;
  return result;
}

Lars lars_of(const at::Tensor& weight, const at::Tensor& bias, double weight_decay) {
  ParamGroup group;
  group.weight_decay = weight_decay;
  group.names = {"weight", "bias"};
  group.params = {weight, bias};
  return {{group}, {.momentum = 0.5, .trust_coefficient = 0.01}};
}

TEST(Lars, AStepOfAWeightHasATrustedShareOfItsNorm) {
  const at::Tensor weight = parameter(at::full({2, 2}, 3.0), at::full({2, 2}, 100.0));
  const at::Tensor bias = parameter(at::zeros({2}), at::full({2}, 4.0));
  Lars lars = lars_of(weight, bias, 0);
  lars.step(0.1);
  // |w| = 6, whatever the gradient's size: each of 4 equal entries moves by 0.1 * 0.01 * 6 / 2.
  EXPECT_TRUE(at::allclose(weight, at::full({2, 2}, 3 - 0.003)));
  // A bias moves by the plain gradient.
  EXPECT_TRUE(at::allclose(bias, at::full({2}, -0.4)));
  lars.step(0.1);
  // Momentum keeps half of the last step.
  EXPECT_TRUE(at::allclose(bias, at::full({2}, -0.4 - 0.6)));
}

TEST(Lars, WeightDecayEntersBeforeTheNormIsTaken) {
  const at::Tensor weight =
      parameter(at::tensor({3.0, 0.0}).view({1, 2}), at::tensor({0.0, 4.0}).view({1, 2}));
  const at::Tensor bias = parameter(at::ones({1}), at::zeros({1}));
  lars_of(weight, bias, 1.0).step(1.0);
  // update (3, 4) of norm 5 becomes 0.01 * 3 / 5 of itself.
  EXPECT_TRUE(at::allclose(weight, at::tensor({3 - 0.018, -0.024}).view({1, 2})));
  EXPECT_EQ(bias.item<float>(), 1);
}

TEST(Lars, ZeroNormsLeaveTheGradientAsItIs) {
  const at::Tensor weight = parameter(at::zeros({1, 2}), at::tensor({1.F, 2.F}).view({1, 2}));
  const at::Tensor bias = parameter(at::ones({1}), at::zeros({1}));
  lars_of(weight, bias, 0).step(0.5);
  EXPECT_TRUE(at::allclose(weight, at::tensor({-0.5F, -1.F}).view({1, 2})));
}

TEST(Lars, AStepThatTheDeviceDecidesIsTheSameOrNone) {
  const at::Tensor gradient = at::tensor({1.F, 2.F}).view({1, 2});
  const at::Tensor weight = parameter(at::ones({1, 2}), gradient);
  const at::Tensor bias = parameter(at::ones({1}), at::ones({1}));
  const at::Tensor expected_weight = parameter(at::ones({1, 2}), gradient);
  const at::Tensor expected_bias = parameter(at::ones({1}), at::ones({1}));
  Lars lars = lars_of(weight, bias, 0.1);
  Lars expected = lars_of(expected_weight, expected_bias, 0.1);
  for (int step = 0; step < 3; ++step) {
    weight.mutable_grad() = gradient * std::nan("");
    lars.step_if(at::zeros({}, at::kBool), 0.5);
    weight.mutable_grad() = gradient;
    lars.step_if(at::ones({}, at::kBool), 0.5);
    expected.step(0.5);
    EXPECT_TRUE(at::equal(weight, expected_weight));
    EXPECT_TRUE(at::equal(bias, expected_bias));
  }
}

}  // namespace
}  // namespace convmae
