#include "convmae/train/step_images.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace convmae {
namespace {

using testing::HasSubstr;

TrainingOptions options_with(std::int64_t batch_size, std::int64_t accum_iter,
                             std::int64_t processes) {
  TrainingOptions options;
  options.batch_size = batch_size;
  options.accum_iter = accum_iter;
  options.world_size = processes;
  return options;
}

RunIdentity run_of(std::int64_t unit, std::int64_t units_per_step) {
  RunIdentity run;
  run.unit = unit;
  run.units_per_step = units_per_step;
  return run;
}

std::string settle(TrainingOptions& options, const std::optional<RunIdentity>& before = {},
                   const std::set<std::string>& typed = {}) {
  return settle_batches(options, before,
                        [&typed](const char* flag) { return typed.contains(flag); });
}

std::string error_of(TrainingOptions options, const std::optional<RunIdentity>& before = {},
                     const std::set<std::string>& typed = {}) {
  try {
    settle(options, before, typed);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(StepImages, ANewRunCountsInTheBatchOfAllProcesses) {
  TrainingOptions options = options_with(64, 2, 8);
  EXPECT_EQ(settle(options), "");
  EXPECT_EQ(options.unit, 512);
  EXPECT_EQ(options.images_per_step(), 1024);
  EXPECT_EQ(epoch_images(options, 1000), 512);
}

TEST(StepImages, TheImagesOfAStepDecideTheAccumulation) {
  TrainingOptions options = options_with(64, 1, 8);
  options.global_batch_size = 4096;
  EXPECT_EQ(settle(options),
            "8 processes of 64 images, 8 micro-batches a step: 4,096 images a step");
  EXPECT_EQ(options.accum_iter, 8);
  options.global_batch_size = 1000;
  EXPECT_THAT(error_of(options), HasSubstr("take --batch_size 25"));
  options.global_batch_size = 1001;
  EXPECT_THAT(error_of(options), HasSubstr("a number of processes that divides 1001"));
}

TEST(StepImages, ARunKeepsItsImagesWhateverTheNumberOfProcesses) {
  for (const std::int64_t processes : {1, 2, 4, 8}) {
    TrainingOptions options = options_with(64, 1, processes);
    settle(options, run_of(512, 2));
    EXPECT_EQ(options.batch_size, 64);
    EXPECT_EQ(options.images_per_step(), 1024);
    EXPECT_EQ(options.unit, 512);
    // What an epoch leaves out does not depend on it either.
    EXPECT_EQ(epoch_images(options, 1300), 1024);
  }
  // More processes than the unit has batches for: smaller ones.
  TrainingOptions options = options_with(64, 1, 16);
  EXPECT_EQ(settle(options, run_of(512, 2)),
            "16 processes of 32 images, 2 micro-batches a step: 1,024 images a step");
}

TEST(StepImages, WhatWasTypedIsNotChanged) {
  const RunIdentity run = run_of(512, 2);
  TrainingOptions options = options_with(32, 1, 1);
  settle(options, run, {"batch_size"});
  EXPECT_EQ(options.batch_size, 32);
  EXPECT_EQ(options.accum_iter, 32);
  EXPECT_THAT(error_of(options_with(48, 1, 1), run, {"batch_size"}),
              HasSubstr("take --batch_size 32"));
  EXPECT_THAT(error_of(options_with(64, 3, 8), run, {"accum_iter"}),
              HasSubstr("the run has 1024 images a step, found 1536"));
  EXPECT_THAT(error_of(options_with(64, 1, 3), run), HasSubstr("3 processes"));
}

}  // namespace
}  // namespace convmae
