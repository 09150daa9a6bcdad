#include "convmae/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>

namespace convmae {
namespace {

TEST(Philox, ReproducesThePublishedTestVectors) {
  using testing::ElementsAre;
  EXPECT_THAT(philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(
      philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(CounterRandom, BetaDrawsHaveTheMomentsOfTheDistribution) {
  struct Case {
    double a, b;
  };
  for (const auto& [a, b] : {Case{0.8, 0.8}, Case{1, 1}, Case{0.2, 0.2}, Case{2, 5}, Case{30, 3}}) {
    CounterRandom random(7, 0, 0, Purpose::mixing);
    constexpr int kDraws = 20000;
    double sum = 0;
    double sum_of_squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double draw = random.beta(a, b);
      ASSERT_GE(draw, 0);
      ASSERT_LE(draw, 1);
      sum += draw;
      sum_of_squares += draw * draw;
    }
    const double mean = sum / kDraws;
    const double variance = sum_of_squares / kDraws - mean * mean;
    const double expected = a / (a + b);
    const double expected_variance = a * b / ((a + b) * (a + b) * (a + b + 1));
    EXPECT_NEAR(mean, expected, 5 * std::sqrt(expected_variance / kDraws)) << a << " " << b;
    EXPECT_NEAR(variance, expected_variance, 0.05 * expected_variance) << a << " " << b;
  }
}

TEST(CounterRandom, BetaOfATinyShapeIsZeroOrOneAndNeverNan) {
  CounterRandom random(7, 0, 0, Purpose::mixing);
  for (int i = 0; i < 1000; ++i) {
    const double draw = random.beta(1e-3, 1e-3);
    EXPECT_TRUE(draw >= 0 && draw <= 1) << draw;
  }
}

}  // namespace
}  // namespace convmae
