#include "convmae/train/training_options.h"

#include <gtest/gtest.h>

namespace convmae {
namespace {

TEST(TrainingOptions, DropsComeAtWholeSteps) {
  TrainingOptions options;
  options.schedule = {.decay = Decay::drops, .warmup = Warmup::line, .drops = {8.0 / 9, 26.0 / 27}};
  options.warmup_steps = 250;
  options.lr = 1;
  options.steps = 184375;
  const LearningRateSchedule schedule = schedule_of(options, 7329);
  EXPECT_DOUBLE_EQ(schedule.at(163888), 1);
  EXPECT_DOUBLE_EQ(schedule.at(163889), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(177545), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(177546), 0.01);
}

TEST(TrainingOptions, WarmUpIsAShareOfTheRun) {
  TrainingOptions options;
  options.warmup_share = 0.005;
  options.steps = 1000;
  settle_length(options, 100);
  EXPECT_EQ(options.epochs, 10);
  EXPECT_DOUBLE_EQ(schedule_of(options, 100).warmup, 5);
}

}  // namespace
}  // namespace convmae
