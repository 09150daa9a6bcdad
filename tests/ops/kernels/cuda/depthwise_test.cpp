#include "convmae/ops/kernels/cuda/depthwise_unrolled_thread.h"
#include "convmae/ops/masked_depthwise_conv2d.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "support/dense_map.h"
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace convmae {
namespace {

using cuda_kernel::AccOf;
using cuda_kernel::Bf16;

struct BlockCase {
  int64_t batch, h, w, visible, channels, kernel;
  std::vector<int64_t> nesting;
  bool bias = true;
};

/// Numbers in float64, and the answer of the CPU's operator. What is rounded in a test is rounded
/// here as well, so that only the sums differ.
struct Expected {
  at::Tensor kept, slot, x, weight, bias, grad;
  at::Tensor out, grad_x, grad_weight, grad_bias;
};

Expected expected_of(const BlockCase& c, at::ScalarType type) {
  torch::manual_seed(c.kernel * 100 + c.channels);
  std::mt19937 random(static_cast<unsigned>(c.kernel));
  int64_t side = 1;
  for (const int64_t n : c.nesting) side *= n;
  const auto numbers = [type](at::IntArrayRef shape) {
    return torch::randn(shape, torch::kDouble).to(type).to(torch::kDouble);
  };
  Expected e;
  e.kept = dense::random_kept(c.batch, c.h * c.w, c.visible, random);
  e.slot = dense::slot_of(e.kept, c.h, c.w);
  e.x = numbers({c.batch, c.visible, side * side, c.channels});
  e.grad = numbers(e.x.sizes());
  const at::ScalarType parameters = type == torch::kBFloat16 ? torch::kFloat : type;
  e.weight = torch::randn({c.channels, 1, c.kernel, c.kernel}).to(parameters).to(torch::kDouble);
  std::optional<at::Tensor> bias;
  if (c.bias) {
    e.bias = torch::randn({c.channels}).to(parameters).to(torch::kDouble);
    bias = e.bias.detach().clone().requires_grad_();
  }
  const at::Tensor x = e.x.clone().requires_grad_();
  const at::Tensor weight = e.weight.clone().requires_grad_();
  const at::Tensor out = ops::masked_depthwise_conv2d(x, weight, bias, e.kept, e.slot, c.nesting);
  out.backward(e.grad);
  e.out = out.detach();
  e.grad_x = x.grad();
  e.grad_weight = weight.grad();
  e.grad_bias = e.grad.sum(at::IntArrayRef{0, 1, 2});
  return e;
}

depthwise_cuda::Problem problem_of(const BlockCase& c, const Expected& e) {
  depthwise_cuda::Problem p;
  p.rows = c.batch * c.visible;
  p.visible = c.visible;
  p.channels = c.channels;
  p.kernel = static_cast<int>(c.kernel);
  p.side = 1;
  for (const int64_t n : c.nesting) {
    p.side *= static_cast<int>(n);
    if (n > 1) p.nesting[p.levels++] = static_cast<int>(n);
  }
  p.grid_height = static_cast<int>(c.h);
  p.grid_width = static_cast<int>(c.w);
  p.kept = e.kept.const_data_ptr<int64_t>();
  p.slot = e.slot.const_data_ptr<int64_t>();
  return p;
}

at::Tensor rows_of_taps(const at::Tensor& weight, at::ScalarType type) {
  return weight.flatten(1).t().to(type).contiguous();
}

/// All threads of a grid, one after another; kSide is that of an unrolled kernel, 0 for the other.
template <int kSide, typename T>
at::Tensor run_convolve(const depthwise_cuda::Problem& p, const at::Tensor& x,
                        const at::Tensor& taps, const at::Tensor& bias) {
  at::Tensor out = torch::full_like(x, NAN);
  const auto* from = static_cast<const T*>(x.const_data_ptr());
  const auto* weight = static_cast<const AccOf<T>*>(taps.const_data_ptr());
  const auto* start =
      bias.defined() ? static_cast<const AccOf<T>*>(bias.const_data_ptr()) : nullptr;
  auto* to = static_cast<T*>(out.mutable_data_ptr());
  if constexpr (kSide == 0) {
    for (int64_t i = 0; i < x.numel(); ++i) {
      depthwise_cuda::convolve_thread(p, from, weight, start, to, i);
    }
  } else {
    constexpr int64_t kRows = 4;
    for (int64_t first = 0; first < p.rows; first += kRows) {
      for (int64_t channel = 0; channel < p.channels; channel += 2) {
        depthwise_cuda::convolve_unrolled_thread<kSide>(p, from, weight, start, to, first, kRows,
                                                        channel);
      }
    }
  }
  return out;
}

/// [k*k + 1, C], added up over the parts.
template <int kSide, typename T>
at::Tensor run_taps_gradient(const depthwise_cuda::Problem& p, const at::Tensor& x,
                             const at::Tensor& grad, at::ScalarType type) {
  constexpr int64_t kParts = 3;
  const int64_t rows = (p.rows + kParts - 1) / kParts;
  const int64_t sums = p.kernel * p.kernel + 1;
  at::Tensor all = torch::full({kParts, sums, p.channels}, NAN, type);
  const auto* from = static_cast<const T*>(x.const_data_ptr());
  const auto* by = static_cast<const T*>(grad.const_data_ptr());
  auto* to = static_cast<AccOf<T>*>(all.mutable_data_ptr());
  for (int64_t part = 0; part < kParts; ++part) {
    if constexpr (kSide == 0) {
      for (int64_t i = 0; i < sums * p.channels; ++i) {
        depthwise_cuda::taps_gradient_thread(p, from, by, to, part, rows, i);
      }
    } else {
      for (int64_t channel = 0; channel < p.channels; channel += 2) {
        depthwise_cuda::taps_gradient_unrolled_thread<kSide>(p, from, by, to, part, rows, channel);
      }
    }
  }
  return all.sum(0);
}

void expect_near(const at::Tensor& found, const at::Tensor& right, double tolerance,
                 const char* what) {
  ASSERT_EQ(found.sizes(), right.sizes()) << what;
  if (right.numel() == 0) return;
  const double scale = std::max(1.0, right.abs().max().item<double>());
  EXPECT_LE((found.to(torch::kDouble) - right).abs().max().item<double>(), tolerance * scale)
      << what;
}

template <int kSide, typename T>
void expect_agreement_with_the_cpu(const BlockCase& c, at::ScalarType type, double tolerance,
                                   double sum_tolerance) {
  SCOPED_TRACE(testing::Message() << "kernel " << c.kernel << ", nesting "
                                  << at::IntArrayRef(c.nesting) << ", visible " << c.visible
                                  << ", channels " << c.channels << ", " << type);
  const Expected e = expected_of(c, type);
  const depthwise_cuda::Problem p = problem_of(c, e);
  const at::ScalarType sums = type == torch::kDouble ? torch::kDouble : torch::kFloat;
  const at::Tensor x = e.x.to(type);
  const at::Tensor grad = e.grad.to(type);
  const at::Tensor taps = rows_of_taps(e.weight, sums);
  const at::Tensor bias = c.bias ? e.bias.to(sums) : at::Tensor();
  expect_near(run_convolve<kSide, T>(p, x, taps, bias), e.out, tolerance, "out");
  const at::Tensor turned = rows_of_taps(e.weight.flip({2, 3}), sums);
  expect_near(run_convolve<kSide, T>(p, grad, turned, {}), e.grad_x, tolerance, "grad_x");
  const at::Tensor gradients = run_taps_gradient<kSide, T>(p, x, grad, sums);
  const int64_t count = c.kernel * c.kernel;
  expect_near(gradients.narrow(0, 0, count).t().reshape(e.weight.sizes()), e.grad_weight,
              sum_tolerance, "grad_weight");
  expect_near(gradients[count], e.grad_bias, sum_tolerance, "grad_bias");
}

TEST(CudaDepthwise, AThreadForAnyProblemAgreesWithTheCpu) {
  const std::vector<std::vector<int64_t>> nestings{{},     {2},    {3},    {2, 2},
                                                   {3, 2}, {1, 3}, {4, 1}, {2, 1, 2}};
  int64_t number = 0;
  for (int64_t kernel = 1; kernel <= 15; kernel += 2) {
    for (const std::vector<int64_t>& nesting : nestings) {
      ++number;
      const BlockCase c{1 + number % 2, 3,      3,       number % 10,
                        1 + number % 3, kernel, nesting, number % 3 != 0};
      expect_agreement_with_the_cpu<0, double>(c, torch::kDouble, 1e-12, 1e-12);
      expect_agreement_with_the_cpu<0, float>(c, torch::kFloat, 1e-5, 1e-5);
      expect_agreement_with_the_cpu<0, Bf16>(c, torch::kBFloat16, 5e-3, 1e-5);
    }
  }
}

template <int kSide>
void expect_unrolled_agreement(const std::vector<int64_t>& nesting) {
  for (const int64_t visible : {0, 1, 7, 12}) {
    for (const int64_t channels : {2, 6, 34}) {
      const BlockCase c{2, 3, 4, visible, channels, 5, nesting, channels != 6};
      expect_agreement_with_the_cpu<kSide, double>(c, torch::kDouble, 1e-12, 1e-12);
      expect_agreement_with_the_cpu<kSide, float>(c, torch::kFloat, 1e-5, 1e-5);
      expect_agreement_with_the_cpu<kSide, Bf16>(c, torch::kBFloat16, 5e-3, 1e-5);
    }
  }
}

TEST(CudaDepthwise, UnrolledThreadsAgreeWithTheCpu) {
  expect_unrolled_agreement<2>({2});
  expect_unrolled_agreement<4>({2, 2});
}

TEST(CudaDepthwise, UnrollsWhatTheModelsHaveAndNothingElse) {
  const auto side = [](int64_t channels, int64_t kernel, const std::vector<int64_t>& nesting,
                       std::uintptr_t address) {
    BlockCase c{1, 1, 1, 1, channels, kernel, nesting};
    Expected e;
    e.kept = torch::zeros({1, 1}, torch::kLong);
    e.slot = torch::zeros({1, 1, 1}, torch::kLong);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): never read
    return depthwise_cuda::unrolled_side(problem_of(c, e), reinterpret_cast<const void*>(address),
                                         nullptr, 8);
  };
  EXPECT_EQ(side(6, 5, {2}, 64), 2);
  EXPECT_EQ(side(6, 5, {2, 2}, 64), 4);
  EXPECT_EQ(side(6, 5, {2, 1, 2}, 64), 4);
  EXPECT_EQ(side(5, 5, {2}, 64), 0) << "an odd number of channels";
  EXPECT_EQ(side(6, 5, {2}, 68), 0) << "not aligned to pairs";
  EXPECT_EQ(side(6, 3, {2}, 64), 0) << "another kernel";
  EXPECT_EQ(side(6, 5, {4}, 64), 0) << "another order of cells";
  EXPECT_EQ(side(6, 5, {}, 64), 0) << "single cells";
}

TEST(CudaDepthwise, RoundsToBf16AsTheLibrary) {
  torch::manual_seed(3);
  const at::Tensor bits = torch::randint(INT32_MIN, INT32_MAX, {20000}, torch::kInt);
  const at::Tensor values = bits.view(torch::kFloat);
  const at::Tensor rounded = values.to(torch::kBFloat16).to(torch::kFloat);
  const auto* value = values.const_data_ptr<float>();
  const auto* right = rounded.const_data_ptr<float>();
  int64_t nans = 0;
  for (int64_t i = 0; i < values.numel(); ++i) {
    const float found = cuda_kernel::float_of(cuda_kernel::bf16_of(value[i]));
    const bool nan = std::isnan(right[i]);
    nans += static_cast<int64_t>(nan);
    ASSERT_TRUE(nan ? std::isnan(found) : found == right[i]) << value[i];
  }
  EXPECT_GT(nans, 0);
}

}  // namespace
}  // namespace convmae
