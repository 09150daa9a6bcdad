#include "convmae/ops/layer_norm.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "support/not_finite.h"
#include <vector>

namespace convmae {
namespace {

/// Result and gradients of x, weight and bias for a fixed weighting of the result.
std::vector<at::Tensor> run(const std::vector<int64_t>& shape, at::ScalarType type,
                            at::ScalarType parameters, bool ours) {
  torch::manual_seed(4);
  const auto leaf = [](const at::Tensor& values, at::ScalarType t) {
    return values.to(t).detach().requires_grad_();
  };
  // bfloat16 values in every type, so that all runs see the same numbers; far from zero, so that a
  // variance computed as a difference of squares would show.
  const at::Tensor x = leaf((torch::randn(shape, torch::kDouble) + 5).to(torch::kBFloat16), type);
  const at::Tensor weight = leaf(torch::randn({shape.back()}), parameters);
  const at::Tensor bias = leaf(torch::randn({shape.back()}), parameters);
  const at::Tensor y = ours ? ops::layer_norm(x, {weight, bias, 1e-6})
                            : torch::layer_norm(x, {shape.back()}, weight, bias, 1e-6);
  const at::Tensor direction = torch::randn(shape, torch::kDouble).to(torch::kBFloat16) + 1;
  y.backward(direction.to(torch::kBFloat16).to(type));
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

void expect_agreement(const std::vector<int64_t>& shape, at::ScalarType type,
                      at::ScalarType parameters, double tolerance, double sum_tolerance) {
  const auto ours = run(shape, type, parameters, true);
  const auto exact = run(shape, torch::kDouble, torch::kDouble, false);
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), exact[i].sizes());
    EXPECT_EQ(ours[i].scalar_type(), i < 2 ? type : parameters);
    if (ours[i].numel() == 0) continue;
    const double scale = exact[i].abs().max().item<double>() + 1e-3;
    EXPECT_LE((ours[i].to(torch::kDouble) - exact[i]).abs().max().item<double>(),
              scale * (i < 2 ? tolerance : sum_tolerance))
        << shape << ' ' << i;
  }
}

TEST(LayerNorm, AgreesWithTheLibraryInFloat64) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {1, 4}, {3, 5}, {2, 3, 4, 16}, {7, 33}, {100, 48}, {2000, 65}}) {
    expect_agreement(shape, torch::kDouble, torch::kDouble, 1e-12, 1e-12);
    expect_agreement(shape, torch::kFloat, torch::kFloat, 5e-6, 5e-6);
    // Sums over rows are float32: they do not lose what bfloat16 would.
    expect_agreement(shape, torch::kBFloat16, torch::kFloat, 2e-2, 1e-5);
    // A type without a kernel of ours.
    expect_agreement(shape, torch::kHalf, torch::kHalf, 5e-3, 2e-2);
  }
}

TEST(LayerNorm, NotANumberAndInfinityArrive) {
  torch::manual_seed(5);
  for (const int64_t dim : {3, 16, 37}) {
    const std::vector<at::Tensor> numbers{not_finite::coarse({4, dim}), not_finite::coarse({dim}),
                                          not_finite::coarse({dim}), not_finite::coarse({4, dim})};
    const auto ours = [](const auto& l) { return ops::layer_norm(l[0], {l[1], l[2], 1e-6}); };
    const auto exact = [dim](const auto& l) {
      return torch::layer_norm(l[0], {dim}, l[1], l[2], 1e-6);
    };
    not_finite::expect_arrives(ours, exact, numbers, torch::kDouble, 1e-9, 5);
    not_finite::expect_arrives(ours, exact, numbers, torch::kFloat, 1e-5, 5);
    not_finite::expect_arrives(ours, exact, numbers, torch::kBFloat16, 3e-2, 5);
  }
}

TEST(LayerNorm, TakesEmptyInputs) {
  const at::Tensor x = torch::zeros({0, 4}).requires_grad_();
  EXPECT_EQ(ops::layer_norm(x, {torch::ones({4}), torch::zeros({4}), 1e-5}).sizes(), x.sizes());
}

TEST(LayerNorm, IsTheSameForAnyNumberOfThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run({333, 40}, torch::kFloat, torch::kFloat, true);
  at::set_num_threads(2);
  const auto two = run({333, 40}, torch::kFloat, torch::kFloat, true);
  at::set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(torch::equal(one[i], two[i])) << i;
}

TEST(LayerNorm, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(ops::layer_norm(torch::zeros({2, 3}), {torch::ones({4}), torch::zeros({4}), 1e-5}),
               c10::Error);
  EXPECT_THROW(ops::layer_norm(torch::zeros({2, 3}), {torch::ones({3}), torch::zeros({4}), 1e-5}),
               c10::Error);
}

}  // namespace
}  // namespace convmae
