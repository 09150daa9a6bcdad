#include "convmae/train/accumulation.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

namespace convmae {
namespace {

TEST(StepPlan, TailTakesWhatIsLeftOver) {
  const StepPlan plan(7, 3);
  EXPECT_EQ(plan.steps_per_epoch(), 3);
  EXPECT_EQ(plan.batches(0), 3);
  EXPECT_EQ(plan.batches(1), 3);
  EXPECT_EQ(plan.batches(2), 1);
  EXPECT_EQ(plan.first_batch(2), 6);
}

TEST(StepPlan, FewerBatchesThanAccumulationStillStep) {
  const StepPlan plan(2, 5);
  EXPECT_EQ(plan.steps_per_epoch(), 1);
  EXPECT_EQ(plan.batches(0), 2);
}

TEST(StepPlan, ExactMultipleHasNoTail) {
  const StepPlan plan(6, 3);
  EXPECT_EQ(plan.steps_per_epoch(), 2);
  EXPECT_EQ(plan.batches(1), 3);
}

TEST(StepPlan, AnEpochWithoutStepIsAnError) {
  EXPECT_THROW(StepPlan(0, 1), UserError);
  EXPECT_THROW(StepPlan(4, 0), UserError);
}

}  // namespace
}  // namespace convmae
