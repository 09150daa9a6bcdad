#include "convmae/optim/schedule.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numbers>
#include <string>

namespace convmae {
namespace {

std::string golden_directory() {
  const char* full_set = std::getenv("CONVMAE_GOLDEN");
  return full_set != nullptr ? full_set : CONVMAE_SOURCE_DIR "/tests/golden";
}

TEST(LearningRateSchedule, EqualsTheReference) {
  std::ifstream file(golden_directory() + "/lr_schedule.json");
  ASSERT_TRUE(file) << "no lr_schedule.json in " << golden_directory();
  const nlohmann::json golden = nlohmann::json::parse(file);
  int points = 0;
  for (const auto& entry : golden.at("schedules")) {
    const LearningRateSchedule schedule{
        .lr = entry.at("lr"),
        .min_lr = entry.at("min_lr"),
        .warmup = entry.at("warmup_epochs"),
        .length = entry.at("epochs"),
    };
    for (const auto& point : entry.at("points")) {
      const double expected = point.at("lr");
      EXPECT_NEAR(schedule.at(point.at("epoch")), expected, 1e-15 + 1e-12 * expected);
      ++points;
    }
  }
  EXPECT_GT(points, 20);
}

TEST(LearningRateSchedule, WithoutWarmUpStartsAtThePeak) {
  const LearningRateSchedule schedule{.lr = 0.5, .min_lr = 0.1, .warmup = 0, .length = 2};
  EXPECT_EQ(schedule.at(0), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.3);
}

TEST(LearningRateSchedule, ALineEndsWhereTheDecayIs) {
  // The first published detector: 0.5 % of 92,187 steps.
  const LearningRateSchedule schedule{.lr = 8e-5,
                                      .warmup = 460.935,
                                      .length = 92187,
                                      .shape = {.warmup = Warmup::line, .warmup_start = 0.001}};
  const auto cosine = [](double step) {
    return 8e-5 * 0.5 * (1 + std::cos(std::numbers::pi * step / 92187));
  };
  EXPECT_DOUBLE_EQ(schedule.at(0), 8e-8);
  EXPECT_NEAR(cosine(460.935), 0.99994 * 8e-5, 1e-5 * 8e-5);
  EXPECT_DOUBLE_EQ(schedule.at(460.935 / 4), 8e-8 + (cosine(460.935) - 8e-8) / 4);
  EXPECT_DOUBLE_EQ(schedule.at(461), cosine(461));
  EXPECT_DOUBLE_EQ(schedule.at(50000), cosine(50000));
}

TEST(LearningRateSchedule, DropsToATenthSeveralTimes) {
  const LearningRateSchedule schedule{.lr = 1e-4,
                                      .warmup = 250,
                                      .length = 184375,
                                      .shape = {.decay = Decay::drops,
                                                .warmup = Warmup::line,
                                                .warmup_start = 0.001,
                                                .drops = {163889.0 / 184375, 177546.0 / 184375}}};
  EXPECT_DOUBLE_EQ(schedule.at(125), (1e-7 + 1e-4) / 2);
  EXPECT_DOUBLE_EQ(schedule.at(163888), 1e-4);
  EXPECT_DOUBLE_EQ(schedule.at(163889), 1e-5);
  EXPECT_DOUBLE_EQ(schedule.at(177545), 1e-5);
  EXPECT_DOUBLE_EQ(schedule.at(177546), 1e-6);
}

TEST(LearningRateSchedule, AFactorRisesOnTopOfTheDecay) {
  const LearningRateSchedule schedule{
      .lr = 1e-4,
      .warmup = 1500,
      .length = 160000,
      .shape = {.decay = Decay::linear, .warmup = Warmup::factor, .warmup_start = 1e-6}};
  for (const double step : {0.0, 1.0, 700.0, 1499.0, 1500.0, 90000.0}) {
    const double factor = step < 1500 ? 1 - (1 - step / 1500) * (1 - 1e-6) : 1;
    const double expected = 1e-4 * (1 - step / 160000) * factor;
    EXPECT_NEAR(schedule.at(step), expected, 1e-12 * expected) << step;
  }
}

TEST(LearningRateSchedule, PeakScalesWithTheImagesPerStep) {
  EXPECT_DOUBLE_EQ(scaled_learning_rate(1.5e-4, 4096), 2.4e-3);
  EXPECT_DOUBLE_EQ(scaled_learning_rate(1.5e-4, 64), 1.5e-4 / 4);
}

TEST(FractionalEpoch, CountsBatchesWithinTheEpoch) {
  EXPECT_DOUBLE_EQ(fractional_epoch(3, 1, 4), 3.25);
}

}  // namespace
}  // namespace convmae
