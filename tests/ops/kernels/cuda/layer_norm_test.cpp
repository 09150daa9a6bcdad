#include "convmae/ops/kernels/cuda/layer_norm_thread.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace convmae {
namespace {

using cuda_kernel::AccOf;
using cuda_kernel::Bf16;

/// y, grad_x, grad_weight, grad_bias and, once more, y.
using NormResults = std::vector<at::Tensor>;

struct NormNumbers {
  at::Tensor x, weight, bias, grad;
};

/// Numbers that all types hold; x far from zero, so that a variance computed as a difference of
/// squares would show.
NormNumbers norm_numbers(int64_t rows, int64_t dim) {
  torch::manual_seed(rows * 1000 + dim);
  const auto coarse = [](const at::Tensor& t) { return t.to(torch::kBFloat16).to(torch::kDouble); };
  return {coarse(torch::randn({rows, dim}) + 5), coarse(torch::randn({dim})),
          coarse(torch::randn({dim})), coarse(torch::randn({rows, dim}) + 1)};
}

constexpr double kNormEpsilon = 1e-6;

NormResults norm_of_the_library(const NormNumbers& n) {
  const at::Tensor x = n.x.clone().requires_grad_();
  const at::Tensor weight = n.weight.clone().requires_grad_();
  const at::Tensor bias = n.bias.clone().requires_grad_();
  const at::Tensor y = torch::layer_norm(x, {x.size(1)}, weight, bias, kNormEpsilon);
  y.backward(n.grad);
  return {y.detach(), x.grad(), weight.grad(), bias.grad(), y.detach()};
}

/// All warps and threads of the kernels' grids, one after another.
template <typename T>
NormResults norm_of_the_threads(const NormNumbers& n, at::ScalarType type) {
  constexpr int64_t kParts = 3;
  const at::ScalarType sum_type = type == torch::kDouble ? torch::kDouble : torch::kFloat;
  const int64_t rows = n.x.size(0);
  const int64_t dim = n.x.size(1);
  const at::Tensor x = n.x.to(type);
  const at::Tensor grad = n.grad.to(type);
  const at::Tensor weight = n.weight.to(sum_type);
  const at::Tensor bias = n.bias.to(sum_type);
  const at::Tensor y = torch::full_like(x, NAN);
  const at::Tensor again = torch::full_like(x, NAN);
  const at::Tensor grad_x = torch::full_like(x, NAN);
  const at::Tensor mean = torch::full({rows}, NAN, sum_type);
  const at::Tensor inverse_deviation = torch::full_like(mean, NAN);
  const at::Tensor sums = torch::full({kParts, 2, dim}, NAN, sum_type);

  const layer_norm_kernel::Forward forward{
      .rows = rows,
      .dim = dim,
      .x = x.const_data_ptr(),
      .weight = weight.const_data_ptr(),
      .bias = bias.const_data_ptr(),
      .eps = kNormEpsilon,
      .y = y.mutable_data_ptr(),
      .mean = mean.mutable_data_ptr(),
      .inverse_deviation = inverse_deviation.mutable_data_ptr()};
  layer_norm_kernel::Backward backward{.rows = rows,
                                       .dim = dim,
                                       .x = x.const_data_ptr(),
                                       .weight = weight.const_data_ptr(),
                                       .mean = mean.const_data_ptr(),
                                       .inverse_deviation = inverse_deviation.const_data_ptr(),
                                       .grad_y = grad.const_data_ptr(),
                                       .grad_x = grad_x.mutable_data_ptr(),
                                       .bias = bias.const_data_ptr(),
                                       .y = again.mutable_data_ptr()};
  const cuda_kernel::Warp warp;
  for (int64_t row = 0; row < rows; ++row) {
    layer_norm_cuda::forward_row<T>(warp, forward, row);
    backward.y = row % 2 == 0 ? again.mutable_data_ptr() : nullptr;
    layer_norm_cuda::input_gradient_row<T>(warp, backward, row);
    if (row % 2 != 0) again[row].copy_(y[row]);
  }
  for (int64_t part = 0; part < kParts; ++part) {
    for (int64_t column = 0; column < dim; ++column) {
      layer_norm_cuda::parameter_gradients_thread<T>(
          backward, static_cast<AccOf<T>*>(sums.mutable_data_ptr()), part,
          (rows + kParts - 1) / kParts, column);
    }
  }
  const at::Tensor total = sums.sum(0);
  return {y, grad_x, total[0], total[1], again};
}

void expect_same_norms(const NormResults& found, const NormResults& right, double tolerance,
                       double sum_tolerance) {
  ASSERT_EQ(found.size(), right.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].sizes(), right[i].sizes());
    if (found[i].numel() == 0) continue;
    const bool sums = i == 2 || i == 3;
    const double scale = std::max(1.0, right[i].abs().max().item<double>());
    EXPECT_LE((found[i].to(torch::kDouble) - right[i]).abs().max().item<double>(),
              scale * (sums ? sum_tolerance : tolerance))
        << i;
  }
}

TEST(CudaLayerNorm, WarpsAgreeWithTheLibraryInFloat64) {
  for (const int64_t rows : {0, 1, 2, 50}) {
    for (const int64_t dim : {1, 5, 31, 32, 33, 100}) {
      SCOPED_TRACE(testing::Message() << rows << " rows of " << dim);
      const NormNumbers n = norm_numbers(rows, dim);
      const NormResults right = norm_of_the_library(n);
      expect_same_norms(norm_of_the_threads<double>(n, torch::kDouble), right, 1e-12, 1e-12);
      expect_same_norms(norm_of_the_threads<float>(n, torch::kFloat), right, 1e-5, 1e-5);
      // Parameters and their sums over rows are float32.
      expect_same_norms(norm_of_the_threads<Bf16>(n, torch::kBFloat16), right, 5e-3, 1e-5);
    }
  }
}

TEST(CudaLayerNorm, NotANumberArrivesInItsRowAndInTheSums) {
  NormNumbers n = norm_numbers(4, 40);
  n.x[2][35] = NAN;
  const NormResults found = norm_of_the_threads<Bf16>(n, torch::kBFloat16);
  for (const size_t i : {0, 1, 4}) {
    const at::Tensor nan = found[i].isnan();
    EXPECT_TRUE(nan[2].all().item<bool>()) << i;
    EXPECT_EQ(nan.sum().item<int64_t>(), 40) << i;
  }
  EXPECT_TRUE(found[2].isnan().all().item<bool>());
  EXPECT_FALSE(found[3].isnan().any().item<bool>());
}

TEST(CudaLayerNorm, AWarpAddsUpAsItsShufflesDo) {
  // 1 is lost beside 2^24 unless its neighbour 16 lanes away has been added first.
  const auto term = [](int lane) {
    if (lane == 0) return 16777216.0F;
    return lane == 1 || lane == 17 ? 1.0F : 0.0F;
  };
  EXPECT_EQ(cuda_kernel::Warp().sum(term), 16777218.0F);
}

}  // namespace
}  // namespace convmae
