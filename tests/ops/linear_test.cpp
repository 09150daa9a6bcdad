#include "convmae/ops/linear.h"

#include "convmae/ops/gemm.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "support/not_finite.h"
#include <tuple>
#include <utility>
#include <vector>

namespace convmae {
namespace {

class LinearTest : public testing::TestWithParam<GemmBackend> {
 protected:
  void SetUp() override {
    if (!has_gemm_backend(GetParam())) GTEST_SKIP() << "this CPU lacks the backend";
  }

  GemmPolicy gemm_{GetParam()};
};

double worst(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.numel() == 0) return 0;
  return ((a.to(torch::kDouble) - b).abs().max() / b.abs().max().clamp_min(1)).item<double>();
}

void expect_matches_float64(const std::vector<int64_t>& x_shape,
                            const std::vector<int64_t>& weight_shape, bool with_bias,
                            at::ScalarType type, double tolerance, GemmPolicy gemm) {
  torch::manual_seed(1);
  const auto run = [&](at::ScalarType t, auto&& f) {
    torch::manual_seed(1);
    const auto leaf = [t](const std::vector<int64_t>& shape) {
      return torch::randn(shape, torch::kDouble).to(t).requires_grad_();
    };
    const at::Tensor x = leaf(x_shape);
    const at::Tensor weight = leaf(weight_shape);
    std::optional<at::Tensor> bias;
    if (with_bias) bias = leaf({weight_shape[0]});
    const at::Tensor out = f(x, weight, bias);
    out.square().sum().backward();
    std::vector<at::Tensor> all{out.detach(), x.grad(), weight.grad()};
    if (bias) all.push_back(bias->grad());
    return all;
  };
  const auto ours = run(type, [&](auto& x, auto& w, auto& b) {
    return ops::linear(x, {w, gemm}, b);
  });
  const auto plain = run(torch::kDouble, [](auto& x, auto& w, auto& b) {
    return torch::linear(x, w.dim() == 4 ? w.flatten(1) : w, b.value_or(at::Tensor()));
  });
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_LE(worst(ours[i], plain[i]), tolerance) << i;
}

TEST_P(LinearTest, MatchesFloat64) {
  for (const bool bias : {true, false}) {
    expect_matches_float64({2, 3, 5, 17}, {9, 17}, bias, torch::kFloat, 1e-5, gemm_);
    expect_matches_float64({33, 64}, {128, 64, 1, 1}, bias, torch::kFloat, 1e-5, gemm_);
    expect_matches_float64({1, 1}, {1, 1}, bias, torch::kFloat, 1e-5, gemm_);
    expect_matches_float64({4, 7, 12}, {5, 12}, bias, torch::kDouble, 1e-12, gemm_);
    expect_matches_float64({40, 48}, {32, 48}, bias, torch::kBFloat16, 5e-2, gemm_);
  }
}

TEST_P(LinearTest, TakesEmptyInputs) {
  expect_matches_float64({0, 3, 8}, {4, 8}, true, torch::kFloat, 0, gemm_);
  expect_matches_float64({3, 8}, {0, 8}, true, torch::kFloat, 0, gemm_);
}

TEST_P(LinearTest, ComputesOnlyTheGradientsThatAreNeeded) {
  const at::Tensor x = torch::randn({3, 4});
  const at::Tensor weight = torch::randn({2, 4}).requires_grad_();
  ops::linear(x, {weight, gemm_}, std::nullopt).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
}

TEST_P(LinearTest, MultipliesBfloat16WithFloat32Weights) {
  torch::manual_seed(2);
  const at::Tensor x = torch::randn({40, 48}).to(torch::kBFloat16).requires_grad_();
  const at::Tensor weight = torch::randn({32, 48}).requires_grad_();
  const at::Tensor bias = torch::randn({32}).requires_grad_();
  const at::Tensor y = ops::linear(x, {weight, gemm_}, bias);
  y.sum().backward();
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(x.grad().scalar_type(), torch::kBFloat16);
  EXPECT_EQ(weight.grad().scalar_type(), torch::kFloat);
  EXPECT_EQ(bias.grad().scalar_type(), torch::kFloat);
  const auto exact = [](const at::Tensor& t) { return t.detach().to(torch::kDouble); };
  EXPECT_LE(worst(y, torch::linear(exact(x), exact(weight), exact(bias))), 1e-2);
  EXPECT_LE(worst(weight.grad(), exact(x).sum(0).expand({32, 48})), 1e-2);
  EXPECT_EQ(bias.grad()[0].item<double>(), 40);
}

TEST_P(LinearTest, OfANormIsThatOfItsResult) {
  const auto run = [](at::ScalarType type, auto&& f) {
    torch::manual_seed(5);
    const auto leaf = [type](const std::vector<int64_t>& shape) {
      return torch::randn(shape, torch::kDouble).to(type).requires_grad_();
    };
    const std::vector<at::Tensor> leaves{leaf({5, 7, 20}), leaf({12, 20}), leaf({12}), leaf({20}),
                                         leaf({20})};
    const at::Tensor out = f(leaves);
    out.square().sum().backward();
    std::vector<at::Tensor> all{out.detach()};
    for (const at::Tensor& x : leaves) all.push_back(x.grad());
    return all;
  };
  const auto ours = [&](const auto& l) {
    return ops::linear(l[0], {l[1], gemm_}, l[2], ops::Norm{l[3], l[4], 1e-5});
  };
  const auto expected = run(torch::kDouble, [](const auto& l) {
    return torch::linear(torch::layer_norm(l[0], {20}, l[3], l[4], 1e-5), l[1], l[2]);
  });
  for (const auto& [type, tolerance] :
       {std::pair(torch::kDouble, 1e-12), std::pair(torch::kFloat, 1e-5),
        std::pair(torch::kBFloat16, 5e-2), std::pair(torch::kHalf, 1e-2)}) {
    const auto found = run(type, ours);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_LE(worst(found[i], expected[i]), tolerance);
  }
}

TEST_P(LinearTest, OfANormIsTheSameWithoutGradient) {
  torch::manual_seed(6);
  const at::Tensor x = torch::randn({3, 700, 20});
  const at::Tensor weight = torch::randn({12, 20}).requires_grad_();
  const at::Tensor bias = torch::randn({12});
  const ops::Norm norm{torch::randn({20}), torch::randn({20}), 1e-5};
  const auto of = [&](const at::Tensor& rows) {
    return ops::linear(rows, {weight, gemm_}, bias, norm);
  };
  const at::Tensor expected = of(x);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(of(x), expected, 1e-5, 1e-5));
  EXPECT_EQ(of(x.narrow(0, 0, 0)).sizes(), (std::vector<int64_t>{0, 700, 12}));
}

TEST_P(LinearTest, OfANormWithFrozenInputTrainsItsWeight) {
  const at::Tensor x = torch::randn({6, 4});
  const at::Tensor weight = torch::randn({2, 4}).requires_grad_();
  const ops::Norm norm{torch::ones({4}), torch::zeros({4}), 1e-5};
  ops::linear(x, {weight, gemm_}, std::nullopt, norm).sum().backward();
  const at::Tensor expected = torch::layer_norm(x, {4}).sum(0).expand({2, 4});
  EXPECT_TRUE(torch::allclose(weight.grad(), expected, 1e-4, 1e-5));
}

TEST_P(LinearTest, NotANumberAndInfinityArrive) {
  torch::manual_seed(8);
  const std::vector<at::Tensor> numbers{not_finite::coarse({9, 34}), not_finite::coarse({50, 34}),
                                        not_finite::coarse({50}), not_finite::coarse({9, 50})};
  const auto ours = [&](const auto& l) { return ops::linear(l[0], {l[1], gemm_}, l[2]); };
  const auto exact = [](const auto& l) { return torch::linear(l[0], l[1], l[2]); };
  not_finite::expect_arrives(ours, exact, numbers, torch::kFloat, 1e-5, 13);
  not_finite::expect_arrives(ours, exact, numbers, torch::kBFloat16, 1e-2, 13);
}

TEST_P(LinearTest, SumsGradientsOfBfloat16InFloat32) {
  torch::manual_seed(4);
  for (const auto& [rows, in, out] : {std::tuple(7, 5, 3), std::tuple(601, 48, 32)}) {
    const at::Tensor x = torch::randn({rows, in}).to(torch::kBFloat16);
    const at::Tensor weight = torch::randn({out, in}).requires_grad_();
    const at::Tensor bias = torch::zeros({out}).requires_grad_();
    const at::Tensor grad = torch::randn({rows, out}).to(torch::kBFloat16);
    ops::linear(x, {weight, gemm_}, bias).backward(grad);
    const at::Tensor exact = grad.to(torch::kDouble).t().matmul(x.to(torch::kDouble));
    EXPECT_LE(worst(weight.grad(), exact), 2e-6);
    EXPECT_LE(worst(bias.grad(), grad.to(torch::kDouble).sum(0)), 2e-6);
  }
}

TEST_P(LinearTest, RefusesWhatDoesNotFit) {
  const ops::Norm narrow{torch::ones({2}), torch::zeros({2}), 1e-5};
  EXPECT_THROW(ops::linear(torch::zeros({2, 3}), torch::zeros({4, 3}), std::nullopt, narrow),
               c10::Error);
  EXPECT_THROW(ops::linear(torch::zeros({2, 3}), torch::zeros({4, 5}), std::nullopt), c10::Error);
  EXPECT_THROW(ops::linear(torch::zeros({2, 3}), torch::zeros({4, 3, 2, 2}), std::nullopt),
               c10::Error);
}

INSTANTIATE_TEST_SUITE_P(Backends, LinearTest,
                         testing::Values(GemmBackend::aten, GemmBackend::onednn,
                                         GemmBackend::native),
                         [](const auto& backend) { return to_string(backend.param); });

TEST(BiasGradient, IsTheSameForAnyNumberOfThreads) {
  torch::manual_seed(6);
  const int before = at::get_num_threads();
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    const at::Tensor grad = torch::randn({333, 1003}).to(type);
    at::set_num_threads(1);
    const at::Tensor one = ops::bias_gradient(grad, torch::kFloat);
    at::set_num_threads(2);
    const at::Tensor two = ops::bias_gradient(grad, torch::kFloat);
    at::set_num_threads(before);
    EXPECT_TRUE(torch::equal(one, two)) << type;
  }
}

TEST(OperandCache, FollowsTheWeight) {
  at::Tensor weight = torch::ones({2, 3});
  ops::OperandCache cache;
  EXPECT_FALSE(cache.operand(weight, torch::kFloat).copy.defined());
  const at::Tensor copy = cache.operand(weight, torch::kBFloat16).copy;
  EXPECT_TRUE(copy.is_same(cache.operand(weight, torch::kBFloat16).copy));
  {
    const torch::NoGradGuard no_grad;
    weight.mul_(2);
  }
  EXPECT_EQ(cache.operand(weight, torch::kBFloat16).copy[0][0].item<double>(), 2);
  EXPECT_EQ(copy[0][0].item<double>(), 1) << "a graph may still hold the old copy";
  weight = torch::full({2, 3}, 5.0F);
  EXPECT_EQ(cache.operand(weight, torch::kBFloat16).copy[0][0].item<double>(), 5);
}

TEST(GemmCounter, CountsTheGemmsOfAPass) {
  const at::Tensor x = torch::randn({4, 3}).requires_grad_();
  const at::Tensor weight = torch::randn({2, 3}).requires_grad_();
  const ops::GemmCounter counter;
  for (int i = 0; i < 2; ++i) ops::linear(x, weight, std::nullopt).sum().backward();
  using Kind = ops::GemmShape::Kind;
  for (const Kind kind : {Kind::forward, Kind::input_gradient, Kind::weight_gradient}) {
    EXPECT_EQ(counter.counts().at({kind, 4, 3, 2, torch::kFloat}), 2);
  }
  EXPECT_THROW(ops::GemmCounter(), c10::Error);
}

}  // namespace
}  // namespace convmae
