#include "convmae/ops/column_sums.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <limits>
#include <utility>

namespace convmae {
namespace {

/// Sums of as many numbers round by at most this, relative to the sum of their magnitudes.
double tolerance(at::ScalarType type) {
  if (type == torch::kHalf) return 1e-2;
  return type == torch::kDouble ? 1e-14 : 2e-6;
}

void expect_agreement(const at::Tensor& x) {
  const at::Tensor sums = ops::column_sums(x);
  const at::Tensor exact = x.to(torch::kDouble).sum(0);
  ASSERT_EQ(sums.sizes(), exact.sizes());
  if (sums.numel() == 0) return;
  const at::Tensor magnitude = x.to(torch::kDouble).abs().sum(0) + 1e-30;
  EXPECT_LE(((sums.to(torch::kDouble) - exact).abs() / magnitude).max().item<double>(),
            tolerance(x.scalar_type()))
      << x.sizes() << ' ' << x.scalar_type();
}

TEST(ColumnSums, AgreeWithFloat64) {
  torch::manual_seed(6);
  for (const auto& [rows, columns] : {std::pair(1, 1),
                                      {7, 3},
                                      {8, 16},
                                      {23, 33},
                                      {1000, 257},
                                      {64, 1024},
                                      {0, 5},
                                      {0, 600},
                                      {5, 0}}) {
    for (const auto type : {torch::kDouble, torch::kFloat, torch::kBFloat16, torch::kHalf}) {
      expect_agreement(torch::randn({rows, columns}, torch::kDouble).to(type));
    }
  }
}

TEST(ColumnSums, TakeRowsThatDoNotLieTogether) {
  torch::manual_seed(6);
  expect_agreement(torch::randn({40, 19}).t());
  expect_agreement(torch::randn({40, 19}).slice(1, 2, 17, 3));
}

TEST(ColumnSums, AreFloat32OfLowerPrecisions) {
  const at::Tensor ones = torch::ones({1000, 2}, torch::kBFloat16);
  EXPECT_TRUE(torch::equal(ops::column_sums(ones), torch::full({2}, 1000, torch::kFloat)));
}

TEST(ColumnSums, KeepNotANumberAndInfinity) {
  for (const auto type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    for (const double value :
         {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
      for (int64_t at = 0; at < 11 * 37; ++at) {
        const at::Tensor x = torch::ones({11, 37}, type);
        x.view(-1)[at] = value;
        at::Tensor expected = torch::full({37}, 11, torch::kDouble);
        expected[at % 37] = value;
        EXPECT_TRUE(torch::allclose(ops::column_sums(x).to(torch::kDouble), expected, 0, 0,
                                    /*equal_nan=*/true))
            << type << ' ' << at;
      }
    }
  }
}

TEST(ColumnSums, AreTheSameForAnyNumberOfThreads) {
  torch::manual_seed(6);
  const at::Tensor x = torch::randn({333, 1003});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = ops::column_sums(x);
  at::set_num_threads(2);
  const at::Tensor two = ops::column_sums(x);
  at::set_num_threads(before);
  EXPECT_TRUE(torch::equal(one, two));
}

TEST(ColumnSums, RefuseWhatHasNoColumns) {
  EXPECT_THROW(ops::column_sums(torch::ones({3})), c10::Error);
}

}  // namespace
}  // namespace convmae
