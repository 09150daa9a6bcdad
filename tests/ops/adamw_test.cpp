#include "convmae/ops/adamw.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>

namespace convmae::ops {
namespace {

constexpr AdamWFactors kFactors{
    .lr = 0.02, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.3, .step = 1};

AdamWTensors random_tensors(at::IntArrayRef shape, at::ScalarType type = at::kFloat) {
  const auto draw = [&] { return at::randn(shape, type); };
  return {draw(), draw(), draw() * 0.1, draw().square(), {}};
}

AdamWTensors clone(const AdamWTensors& tensors) {
  return {tensors.param.clone(), tensors.grad, tensors.exp_avg.clone(), tensors.exp_avg_sq.clone(),
          tensors.copy.defined() ? tensors.copy.clone() : at::Tensor()};
}

/// The rule written down in float64.
AdamWTensors stepped(const AdamWTensors& from, const AdamWFactors& factors) {
  const auto t = static_cast<double>(factors.step);
  const at::Tensor grad = from.grad.to(at::kDouble);
  AdamWTensors to;
  to.exp_avg = from.exp_avg.to(at::kDouble) * factors.beta1 + grad * (1 - factors.beta1);
  to.exp_avg_sq =
      from.exp_avg_sq.to(at::kDouble) * factors.beta2 + grad.square() * (1 - factors.beta2);
  const at::Tensor mean = to.exp_avg / (1 - std::pow(factors.beta1, t));
  const at::Tensor variance = to.exp_avg_sq / (1 - std::pow(factors.beta2, t));
  to.param = from.param.to(at::kDouble) * (1 - factors.lr * factors.weight_decay) -
             factors.lr * mean / (variance.sqrt() + factors.eps);
  return to;
}

TEST(AdamWStep, FollowsTheRuleForAnyNumberOfElements) {
  at::manual_seed(1);
  for (const std::int64_t count : {0, 1, 7, 16, 17, 31, 16384, 16399, 40001}) {
    for (const std::int64_t step : {1, 2, 1000}) {
      AdamWFactors factors = kFactors;
      factors.step = step;
      const AdamWTensors tensors = random_tensors({count});
      const AdamWTensors expected = stepped(tensors, factors);
      adamw_step(tensors, factors);
      EXPECT_TRUE(at::allclose(tensors.param.to(at::kDouble), expected.param, 1e-6, 1e-7)) << count;
      EXPECT_TRUE(at::allclose(tensors.exp_avg.to(at::kDouble), expected.exp_avg, 1e-6, 1e-7));
      EXPECT_TRUE(at::allclose(tensors.exp_avg_sq.to(at::kDouble), expected.exp_avg_sq, 1e-6, 0));
    }
  }
}

TEST(AdamWStep, KeepsTheCopyAtTheRoundedParameter) {
  AdamWTensors tensors = random_tensors({5, 333});
  tensors.copy = at::zeros({5, 333}, at::kBFloat16);
  const AdamWTensors without =
      clone({tensors.param, tensors.grad, tensors.exp_avg, tensors.exp_avg_sq, {}});
  adamw_step(tensors, kFactors);
  adamw_step(without, kFactors);
  EXPECT_TRUE(at::equal(tensors.copy, tensors.param.to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(tensors.param, without.param));
}

TEST(AdamWStep, TheNumberOfThreadsChangesNoBit) {
  const AdamWTensors one = random_tensors({100, 1003});
  const AdamWTensors several = clone(one);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  adamw_step(one, kFactors);
  at::set_num_threads(3);
  adamw_step(several, kFactors);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.param, several.param));
  EXPECT_TRUE(at::equal(one.exp_avg_sq, several.exp_avg_sq));
}

TEST(AdamWStep, TakesOtherTypesAndLayouts) {
  const AdamWTensors tensors = random_tensors({6, 11}, at::kDouble);
  const AdamWTensors expected = stepped(tensors, kFactors);
  adamw_step(tensors, kFactors);
  EXPECT_TRUE(at::allclose(tensors.param, expected.param, 1e-9, 1e-12));

  AdamWTensors turned = random_tensors({11, 6});
  turned.grad = at::randn({6, 11}).t();
  const AdamWTensors expected_turned = stepped(turned, kFactors);
  adamw_step(turned, kFactors);
  EXPECT_TRUE(at::allclose(turned.param.to(at::kDouble), expected_turned.param, 1e-6, 1e-7));
}

TEST(AdamWStep, RaisesVersionCounters) {
  AdamWTensors tensors = random_tensors({4});
  tensors.copy = at::zeros({4}, at::kBFloat16);
  const auto param = tensors.param._version();
  const auto copy = tensors.copy._version();
  adamw_step(tensors, kFactors);
  EXPECT_GT(tensors.param._version(), param);
  EXPECT_GT(tensors.copy._version(), copy);
}

TEST(AdamWStep, RefusesTensorsThatDoNotFit) {
  AdamWTensors tensors = random_tensors({4});
  tensors.grad = at::randn({5});
  EXPECT_THROW(adamw_step(tensors, kFactors), c10::Error);
  tensors.grad = at::randn({4});
  tensors.copy = at::zeros({4});
  EXPECT_THROW(adamw_step(tensors, kFactors), c10::Error);
}

TEST(AdamWStep, ANanIsOneInTheCopyToo) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (std::int64_t at = 0; at < 20; ++at) {
      AdamWTensors tensors = random_tensors({20});
      tensors.copy = at::zeros({20}, at::kBFloat16);
      tensors.grad[at] = value;
      adamw_step(tensors, kFactors);
      EXPECT_TRUE(at::equal(tensors.copy.isnan(), tensors.param.isnan()));
      EXPECT_TRUE(tensors.param[at].isnan().item<bool>());
      EXPECT_EQ(tensors.param.isnan().sum().item<std::int64_t>(), 1);
    }
  }
}

}  // namespace
}  // namespace convmae::ops
