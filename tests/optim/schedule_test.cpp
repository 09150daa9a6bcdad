#include "convmae/optim/schedule.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
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

TEST(LearningRateSchedule, PeakScalesWithTheImagesPerStep) {
  EXPECT_DOUBLE_EQ(scaled_learning_rate(1.5e-4, 4096), 2.4e-3);
  EXPECT_DOUBLE_EQ(scaled_learning_rate(1.5e-4, 64), 1.5e-4 / 4);
}

TEST(FractionalEpoch, CountsBatchesWithinTheEpoch) {
  EXPECT_DOUBLE_EQ(fractional_epoch(3, 1, 4), 3.25);
}

}  // namespace
}  // namespace convmae
