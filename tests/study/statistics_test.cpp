#include "convmae/study/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace convmae {
namespace {

TEST(Statistics, AgreeWithValuesByHand) {
  const std::vector<double> values{1, 2, 4, 5};  // squares of 2, 1, 1, 2: 10 in all
  EXPECT_DOUBLE_EQ(mean_of(values), 3);
  EXPECT_DOUBLE_EQ(standard_error_of(values), std::sqrt(10.0 / 3 / 4));
  const MeanInterval interval = mean_interval(values);
  EXPECT_DOUBLE_EQ(interval.mean, 3);
  EXPECT_NEAR(interval.half, 3.182446305 * std::sqrt(10.0 / 3 / 4), 1e-8);
  EXPECT_DOUBLE_EQ(interval.low() + interval.high(), 6);
}

TEST(Statistics, OneValueHasNoSpread) {
  const std::vector<double> one{7};
  EXPECT_TRUE(std::isnan(standard_error_of(one)));
  EXPECT_EQ(mean_interval(one).mean, 7);
  EXPECT_TRUE(std::isnan(mean_interval(one).half));
}

TEST(Statistics, QuantilesAreThoseOfTheTables) {
  const std::vector<std::pair<std::size_t, double>> published{
      {1, 12.7062047}, {2, 4.30265273},  {3, 3.18244631},  {4, 2.77644511},
      {5, 2.57058184}, {10, 2.22813885}, {30, 2.04227246}, {120, 1.97993041}};
  for (const auto& [degrees, quantile] : published) {
    EXPECT_NEAR(student_quantile(degrees), quantile, 1e-7 * quantile) << degrees;
  }
  EXPECT_NEAR(student_quantile(9, 0.99), 3.24983554, 1e-7);
  EXPECT_NEAR(student_quantile(1, 0.5), 1, 1e-12);
}

}  // namespace
}  // namespace convmae
