#include "convmae/optim/optimizer.h"

#include "convmae/ops/operand.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

namespace convmae {
namespace {

/// The update rule written down in float64 (arXiv 1711.05101, algorithm 2).
struct PlainAdamW {
  at::Tensor param, exp_avg, exp_avg_sq;
  double beta1, beta2, eps, weight_decay;
  int steps = 0;

  void step(const at::Tensor& grad, double lr) {
    ++steps;
    param = param * (1 - lr * weight_decay);
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad;
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad;
    const at::Tensor mean = exp_avg / (1 - std::pow(beta1, steps));
    const at::Tensor variance = exp_avg_sq / (1 - std::pow(beta2, steps));
    param = param - lr * mean / (variance.sqrt() + eps);
  }
};

double worst(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b).abs().max().item<double>();
}

TEST(AdamW, FollowsTheRuleInDoublePrecision) {
  at::manual_seed(1);
  ParamGroup plain;
  plain.names = {"a.bias"};
  plain.params = {at::randn({17})};
  ParamGroup decaying;
  decaying.weight_decay = 0.3;
  decaying.lr_scale = 0.5;
  decaying.names = {"a.weight", "b.weight"};
  decaying.params = {at::randn({17, 5}), at::randn({3, 2, 2})};
  AdamW optimizer({plain, decaying}, {.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-8});

  std::vector<PlainAdamW> expected;
  std::vector<at::Tensor> params{plain.params[0], decaying.params[0], decaying.params[1]};
  for (std::size_t i = 0; i < params.size(); ++i) {
    const at::Tensor zero = at::zeros_like(params[i], at::kDouble);
    expected.push_back(
        {params[i].to(at::kDouble), zero, zero, 0.8, 0.95, 1e-8, i == 0 ? 0.0 : 0.3});
  }
  for (int step = 0; step < 20; ++step) {
    const double lr = 0.01 * (step % 5);
    for (std::size_t i = 0; i < params.size(); ++i) {
      params[i].mutable_grad() = at::randn_like(params[i]);
      expected[i].step(params[i].grad().to(at::kDouble), i == 0 ? lr : lr * 0.5);
    }
    optimizer.step(lr);
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    const AdamW::NamedState& state = optimizer.states()[i];
    EXPECT_LT(worst(params[i], expected[i].param), 2e-6) << state.name;
    EXPECT_LT(worst(state.state.exp_avg, expected[i].exp_avg), 1e-6) << state.name;
    EXPECT_LT(worst(state.state.exp_avg_sq, expected[i].exp_avg_sq), 2e-6) << state.name;
    EXPECT_EQ(state.state.step.item<float>(), 20) << state.name;
  }
  EXPECT_EQ(optimizer.states()[2].name, "b.weight");
}

TEST(AdamW, AParameterWithoutGradientStaysAsItIs) {
  ParamGroup group;
  group.weight_decay = 0.1;
  group.names = {"used", "unused"};
  group.params = {at::ones({3}), at::ones({3})};
  AdamW optimizer({group}, {});
  group.params[0].mutable_grad() = at::ones({3});
  optimizer.step(0.1);
  EXPECT_LT(group.params[0].max().item<float>(), 1.0F);
  EXPECT_TRUE(at::equal(group.params[1], at::ones({3})));
  EXPECT_EQ(optimizer.states()[1].state.step.item<float>(), 0);
}

TEST(AdamW, WritingItsStateContinuesARun) {
  const auto make = [] {
    ParamGroup group;
    group.names = {"w"};
    group.params = {at::linspace(-1, 1, 33)};
    return AdamW({group}, {});
  };
  const auto take_steps = [](AdamW& optimizer, int first, int last) {
    const at::Tensor& param = optimizer.groups()[0].params[0];
    for (int step = first; step < last; ++step) {
      param.mutable_grad() = param * static_cast<double>(step + 1);
      optimizer.step(0.01);
    }
  };
  AdamW whole = make();
  take_steps(whole, 0, 6);

  AdamW first_half = make();
  take_steps(first_half, 0, 3);
  AdamW second_half = make();
  second_half.groups()[0].params[0].copy_(first_half.groups()[0].params[0]);
  const AdamW::State& from = first_half.states()[0].state;
  const AdamW::State& to = second_half.states()[0].state;
  to.exp_avg.copy_(from.exp_avg);
  to.exp_avg_sq.copy_(from.exp_avg_sq);
  to.step.copy_(from.step);
  take_steps(second_half, 3, 6);
  EXPECT_TRUE(at::equal(second_half.groups()[0].params[0], whole.groups()[0].params[0]));
}

TEST(AdamW, ZeroGradForgetsGradients) {
  ParamGroup group;
  group.names = {"w"};
  group.params = {at::ones({3})};
  AdamW optimizer({group}, {});
  group.params[0].mutable_grad() = at::ones({3});
  EXPECT_EQ(optimizer.gradients().size(), 1);
  optimizer.zero_grad();
  EXPECT_TRUE(optimizer.gradients().empty());
}

TEST(AdamW, ShowsThatParametersChanged) {
  ParamGroup group;
  group.names = {"w"};
  group.params = {at::ones({2, 2}).requires_grad_(true)};
  AdamW optimizer({group}, {});
  ops::OperandCache cache;
  const at::Tensor& weight = group.params[0];
  cache.operand(weight, at::kBFloat16);
  weight.mutable_grad() = at::ones({2, 2});
  optimizer.step(0.5);
  EXPECT_TRUE(at::equal(cache.operand(weight, at::kBFloat16).copy, weight.to(at::kBFloat16)));
  EXPECT_LT(weight[0][0].item<double>(), 0.9);
}

TEST(AdamW, TakesFloat64AndAGradientInAnyOrder) {
  at::manual_seed(2);
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    ParamGroup group;
    group.weight_decay = 0.3;
    group.add("w", at::randn({11, 6}, type));
    const at::Tensor& param = group.params[0];
    AdamW optimizer({group}, {.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-8});
    const at::Tensor zero = at::zeros_like(param, at::kDouble);
    PlainAdamW expected{param.to(at::kDouble, false, true), zero, zero, 0.8, 0.95, 1e-8, 0.3};
    param.mutable_grad() = at::randn({6, 11}, type).t();
    optimizer.step(0.02);
    expected.step(param.grad().to(at::kDouble), 0.02);
    EXPECT_LT(worst(param, expected.param), type == at::kDouble ? 1e-12 : 1e-6);
  }
}

TEST(AdamW, TheNumberOfThreadsChangesNoBit) {
  at::manual_seed(3);
  const at::Tensor start = at::randn({100, 1003});
  const at::Tensor grad = at::randn({100, 1003});
  const int threads = at::get_num_threads();
  const auto stepped = [&](int number) {
    at::set_num_threads(number);
    ParamGroup group;
    group.add("w", start.clone());
    group.params[0].mutable_grad() = grad;
    AdamW optimizer({group}, {});
    for (int step = 0; step < 2; ++step) optimizer.step(0.02);
    return group.params[0];
  };
  const at::Tensor one = stepped(1);
  const at::Tensor several = stepped(3);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, several));
}

TEST(AdamW, AStepThatTheDeviceDecidesIsTheSameOrNone) {
  at::manual_seed(2);
  const at::Tensor start = at::randn({5, 3});
  const auto optimizer_of = [](const at::Tensor& param, const at::Tensor& bias) {
    ParamGroup group;
    group.weight_decay = 0.1;
    group.lr_scale = 0.5;
    group.names = {"weight", "frozen", "bias"};
    group.params = {param, at::ones({2}), bias};
    return AdamW({group}, {});
  };
  const at::Tensor param = start.clone();
  const at::Tensor expected_param = start.clone();
  const at::Tensor bias = at::ones({3});
  const at::Tensor expected_bias = at::ones({3});
  AdamW optimizer = optimizer_of(param, bias);
  AdamW expected = optimizer_of(expected_param, expected_bias);
  for (int step = 0; step < 4; ++step) {
    const at::Tensor grad = at::randn({5, 3});
    param.mutable_grad() = grad * std::nan("");
    bias.mutable_grad() = grad[0];
    const auto version = param._version();
    optimizer.step_if(at::zeros({}, at::kBool), 0.1);
    param.mutable_grad() = grad.clone();
    optimizer.step_if(at::ones({}, at::kBool), 0.1);
    EXPECT_GT(param._version(), version) << "copies must learn of it";
    expected_param.mutable_grad() = grad.clone();
    expected_bias.mutable_grad() = grad[0];
    expected.step(0.1);
    EXPECT_TRUE(at::allclose(param, expected_param, 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(bias, expected_bias, 1e-5, 1e-6));
  }
  const auto state = optimizer.state_tensors();
  const auto expected_state = expected.state_tensors();
  for (std::size_t i = 0; i < state.size(); ++i) {
    EXPECT_TRUE(at::allclose(state[i].second, expected_state[i].second, 1e-5, 1e-6)) << i;
  }
}

}  // namespace
}  // namespace convmae
