#include "convmae/ops/native_gemm.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <tuple>
#include <vector>

namespace convmae {
namespace {

/// rows, in, out
using Shape = std::tuple<int64_t, int64_t, int64_t>;

class NativeGemmTest : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    if (!native_gemm::available()) GTEST_SKIP() << "this CPU lacks AVX-512 BF16";
    torch::manual_seed(3);
    const auto [m, in, out] = GetParam();
    rows_ = torch::randn({m, in}).to(torch::kBFloat16);
    weight_ = torch::randn({out, in}).to(torch::kBFloat16);
    grad_ = torch::randn({m, out}).to(torch::kBFloat16);
    bias_ = torch::randn({out});
  }

  at::Tensor rows_, weight_, grad_, bias_;
};

at::Tensor exact(const at::Tensor& x) { return x.to(torch::kDouble); }

/// Sums of `depth` products in float32, and one rounding to the type of the result.
void expect_close(const at::Tensor& found, const at::Tensor& expected) {
  const double rounding = found.scalar_type() == torch::kBFloat16 ? 0.00391 : 1e-6;
  const auto scale = expected.abs().max().item<double>();
  EXPECT_TRUE(torch::allclose(exact(found), expected, rounding, 2e-6 * scale));
}

TEST_P(NativeGemmTest, MatchesFloat64) {
  expect_close(native_gemm::forward(rows_, weight_, std::nullopt),
               exact(rows_).matmul(exact(weight_).t()));
  expect_close(native_gemm::forward(rows_, weight_, bias_),
               exact(rows_).matmul(exact(weight_).t()) + exact(bias_));
  expect_close(native_gemm::input_gradient(grad_, weight_), exact(grad_).matmul(exact(weight_)));
  const at::Tensor weight_gradient = native_gemm::weight_gradient(grad_, rows_);
  EXPECT_EQ(weight_gradient.scalar_type(), torch::kFloat);
  expect_close(weight_gradient, exact(grad_).t().matmul(exact(rows_)));
}

TEST_P(NativeGemmTest, GivesTheSameBitsOnAnyNumberOfThreads) {
  const auto all = [&] {
    return std::vector<at::Tensor>{native_gemm::forward(rows_, weight_, bias_),
                                   native_gemm::input_gradient(grad_, weight_),
                                   native_gemm::weight_gradient(grad_, rows_)};
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = all();
  at::set_num_threads(3);
  const auto three = all();
  at::set_num_threads(threads);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(torch::equal(one[i], three[i])) << i;
}

TEST_P(NativeGemmTest, TakesAnyStrides) {
  const at::Tensor turned_rows = rows_.t().contiguous().t();
  const at::Tensor turned_weight = weight_.t().contiguous().t();
  EXPECT_TRUE(torch::equal(native_gemm::forward(turned_rows, turned_weight, bias_),
                           native_gemm::forward(rows_, weight_, bias_)));
  EXPECT_TRUE(torch::equal(native_gemm::weight_gradient(grad_, turned_rows),
                           native_gemm::weight_gradient(grad_, rows_)));
}

// Around the tiles of 8 rows, vectors of 16, panels of 48 columns and blocks of 2048 along the
// depth; depths are even, except M, over which weight gradients are summed.
INSTANTIATE_TEST_SUITE_P(Shapes, NativeGemmTest,
                         testing::Values(Shape{1, 2, 2}, Shape{5, 16, 6}, Shape{6, 30, 64},
                                         Shape{8, 34, 48}, Shape{13, 50, 66}, Shape{31, 100, 130},
                                         Shape{392, 48, 80}, Shape{403, 258, 96},
                                         Shape{2049, 18, 34}, Shape{4100, 64, 10}));

TEST(NativeGemm, RefusesWhatItCannotCompute) {
  const at::Tensor a = torch::zeros({3, 4}, torch::kBFloat16);
  EXPECT_TRUE(native_gemm::takes(a, a, 4));
  EXPECT_FALSE(native_gemm::takes(a, a, 3)) << "an odd depth";
  EXPECT_FALSE(native_gemm::takes(a, a.narrow(0, 0, 0), 4)) << "an empty matrix";
  EXPECT_FALSE(native_gemm::takes(a, a.to(torch::kFloat), 4));
}

}  // namespace
}  // namespace convmae
