#include "convmae/ops/mlp.h"

#include "convmae/ops/gemm.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "support/not_finite.h"
#include <limits>
#include <optional>
#include <vector>

namespace convmae {
namespace {

/// Points where a GELU could go wrong: around zero, in the tails, far out.
at::Tensor points() {
  return torch::cat({torch::linspace(-12, 12, 24001), torch::linspace(-1e-3, 1e-3, 101),
                     torch::tensor({-3e38F, -100.F, -0.F, 0.F, 100.F, 3e38F})});
}

TEST(Gelu, AgreesWithFloat64) {
  const at::Tensor x = points().requires_grad_();
  const at::Tensor exact = points().to(torch::kDouble).requires_grad_();
  const at::Tensor y = ops::gelu(x);
  const at::Tensor expected = torch::gelu(exact);
  y.sum().backward();
  expected.sum().backward();
  const at::Tensor scale = exact.detach().abs().clamp_min(1);
  EXPECT_LE(((y - expected).abs() / scale).max().item<double>(), 3e-7);
  EXPECT_LE((x.grad() - exact.grad()).abs().max().item<double>(), 6e-7);
}

TEST(Gelu, HandlesEveryTailOfTheVectors) {
  for (int64_t n = 0; n <= 70; ++n) {
    const at::Tensor x = torch::randn({n}).requires_grad_();
    const at::Tensor y = ops::gelu(x);
    y.sum().backward();
    EXPECT_TRUE(torch::allclose(y, torch::gelu(x), 1e-6, 1e-6)) << n;
    EXPECT_EQ(x.grad().sizes(), x.sizes());
  }
}

TEST(Gelu, RoundsBfloat16Once) {
  const at::Tensor x = torch::linspace(-9, 9, 4001).to(torch::kBFloat16);
  const at::Tensor expected = torch::gelu(x.to(torch::kDouble));
  const at::Tensor error = (ops::gelu(x).to(torch::kDouble) - expected).abs();
  EXPECT_TRUE((error <= expected.abs() / 256 + 1e-7).all().item<bool>());
}

TEST(Gelu, KeepsNotANumberAndInfinity) {
  const float inf = std::numeric_limits<float>::infinity();
  const at::Tensor y = ops::gelu(torch::tensor({std::nanf(""), inf}));
  EXPECT_TRUE(y[0].isnan().item<bool>());
  EXPECT_EQ(y[1].item<float>(), inf);
}

TEST(Gelu, NotANumberAndInfinityArrive) {
  const std::vector<at::Tensor> numbers{not_finite::coarse({37}), not_finite::coarse({37})};
  const auto ours = [](const auto& l) { return ops::gelu(l[0]); };
  const auto exact = [](const auto& l) { return torch::gelu(l[0]); };
  not_finite::expect_arrives(ours, exact, numbers, torch::kFloat, 1e-5, 1);
  not_finite::expect_arrives(ours, exact, numbers, torch::kBFloat16, 1e-2, 1);
}

class MlpTest : public testing::TestWithParam<GemmBackend> {
 protected:
  void SetUp() override {
    if (!has_gemm_backend(GetParam())) GTEST_SKIP() << "this CPU lacks the backend";
  }

  GemmPolicy gemm_{GetParam()};
};

/// Result and gradients of ours and of the plain formulation in float64.
void expect_matches_plain(const std::vector<int64_t>& x_shape, int64_t hidden, int64_t out,
                          bool convolution, bool with_norm, at::ScalarType type, double tolerance,
                          GemmPolicy gemm) {
  const int64_t in = x_shape.back();
  const auto run = [&](at::ScalarType t, auto&& f) {
    torch::manual_seed(3);
    std::vector<at::Tensor> leaves;
    std::vector<std::vector<int64_t>> shapes{x_shape, {hidden, in}, {hidden}, {out, hidden}, {out}};
    if (with_norm) shapes.insert(shapes.end(), {{in}, {in}});
    leaves.reserve(shapes.size());
    for (const auto& shape : shapes) {
      leaves.push_back(torch::randn(shape, torch::kDouble).to(t).requires_grad_());
    }
    const at::Tensor result = f(leaves);
    (result * result).sum().backward();
    std::vector<at::Tensor> all{result.detach()};
    for (const at::Tensor& leaf : leaves) all.push_back(leaf.grad());
    return all;
  };
  const auto shaped = [&](const at::Tensor& w) {
    return convolution ? w.unsqueeze(2).unsqueeze(3) : w;
  };
  const auto ours = run(type, [&](const auto& l) {
    std::optional<ops::Norm> norm;
    if (with_norm) norm = ops::Norm{l[5], l[6], 1e-6};
    return ops::mlp(l[0], {shaped(l[1]), gemm}, l[2], {shaped(l[3]), gemm}, l[4], norm);
  });
  const auto plain = run(torch::kDouble, [&](const auto& l) {
    const at::Tensor x = with_norm ? torch::layer_norm(l[0], {in}, l[5], l[6], 1e-6) : l[0];
    return torch::linear(torch::gelu(torch::linear(x, l[1], l[2])), l[3], l[4]);
  });
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), plain[i].sizes());
    if (ours[i].numel() == 0) continue;
    const auto worst =
        ((ours[i].to(torch::kDouble) - plain[i]).abs().max() / plain[i].abs().max().clamp_min(1))
            .template item<double>();
    EXPECT_LE(worst, tolerance) << i;
  }
}

TEST_P(MlpTest, MatchesThePlainFormulation) {
  for (const bool norm : {false, true}) {
    expect_matches_plain({2, 3, 17}, 40, 9, false, norm, torch::kDouble, 1e-12, gemm_);
    expect_matches_plain({5, 2, 4, 17}, 64, 17, true, norm, torch::kFloat, 1e-5, gemm_);
    expect_matches_plain({300, 8}, 64, 8, false, norm, torch::kFloat, 1e-5, gemm_);
    expect_matches_plain({1, 1}, 1, 1, false, norm, torch::kFloat, 1e-5, gemm_);
    expect_matches_plain({0, 8}, 16, 8, false, norm, torch::kFloat, 0, gemm_);
  }
}

TEST_P(MlpTest, NotANumberAndInfinityArrive) {
  torch::manual_seed(9);
  const std::vector<at::Tensor> numbers{not_finite::coarse({5, 18}), not_finite::coarse({34, 18}),
                                        not_finite::coarse({34}),    not_finite::coarse({6, 34}),
                                        not_finite::coarse({6}),     not_finite::coarse({18}),
                                        not_finite::coarse({18}),    not_finite::coarse({5, 6})};
  const auto ours = [&](const auto& l) {
    return ops::mlp(l[0], {l[1], gemm_}, l[2], {l[3], gemm_}, l[4], ops::Norm{l[5], l[6], 1e-6});
  };
  const auto exact = [](const auto& l) {
    const at::Tensor x = torch::layer_norm(l[0], {18}, l[5], l[6], 1e-6);
    return torch::linear(torch::gelu(torch::linear(x, l[1], l[2])), l[3], l[4]);
  };
  not_finite::expect_arrives(ours, exact, numbers, torch::kFloat, 1e-4, 11);
  not_finite::expect_arrives(ours, exact, numbers, torch::kBFloat16, 1e-1, 11);
}

INSTANTIATE_TEST_SUITE_P(Backends, MlpTest,
                         testing::Values(GemmBackend::aten, GemmBackend::onednn,
                                         GemmBackend::native),
                         [](const auto& backend) { return to_string(backend.param); });

TEST(Mlp, IsTheSameWithoutGradient) {
  torch::manual_seed(7);
  const at::Tensor x = torch::randn({3, 700, 8});
  const at::Tensor before = x.clone();
  const at::Tensor weight1 = torch::randn({16, 8}).requires_grad_();
  const at::Tensor weight2 = torch::randn({5, 16});
  const at::Tensor bias1 = torch::randn({16});
  const at::Tensor bias2 = torch::randn({5});
  const ops::Norm norm{torch::randn({8}), torch::randn({8}), 1e-6};
  for (const auto& given : {std::optional<ops::Norm>(), std::optional(norm)}) {
    const auto result = [&] { return ops::mlp(x, weight1, bias1, weight2, bias2, given); };
    const at::Tensor expected = result();
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(torch::allclose(result(), expected, 1e-5, 1e-5));
    EXPECT_TRUE(torch::equal(x, before));
  }
}

TEST(Mlp, RefusesWeightsWithTwoPolicies) {
  const at::Tensor square = torch::ones({2, 2});
  const at::Tensor bias = torch::zeros({2});
  EXPECT_THROW(ops::mlp(square, {square, GemmPolicy(GemmBackend::aten)}, bias, square, bias),
               c10::Error);
}

TEST(Mlp, ComputesOnlyTheGradientsThatAreNeeded) {
  const at::Tensor x = torch::randn({3, 4});
  const at::Tensor weight2 = torch::randn({2, 5}).requires_grad_();
  const at::Tensor weight1 = torch::randn({5, 4});
  ops::mlp(x, weight1, torch::zeros({5}), weight2, torch::zeros({2})).sum().backward();
  EXPECT_TRUE(weight2.grad().defined());
  EXPECT_FALSE(weight1.grad().defined());
  EXPECT_FALSE(x.grad().defined());
}

}  // namespace
}  // namespace convmae
