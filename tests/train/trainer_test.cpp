#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/toy_task.h"
#include <cmath>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;

TEST_F(TrainerTest, TrainsAndEvaluatesAToyTask) {
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::complete);
  EXPECT_EQ(outcome.position.epoch, 2);
  EXPECT_EQ(outcome.position.global_step, 2 * kBatches);
  EXPECT_EQ(outcome.steps, 2 * kBatches);
  EXPECT_EQ(task_.committed, 2 * kBatches);
  ASSERT_EQ(witness_.found.size(), 2);
  EXPECT_LT(witness_.found[1], witness_.found[0]);
  EXPECT_EQ(outcome.values.at("held_out"), witness_.found[1]);
  ASSERT_EQ(witness_.records.front().parts.size(), 1);
  EXPECT_EQ(witness_.records.front().parts.front().second, witness_.records.front().loss);
}

TEST_F(TrainerTest, SavesBeforeItEvaluates) {
  train(3);
  EXPECT_THAT(witness_.heard,
              ElementsAre("begin", "step 1", "step 2", "save", "evaluate", "evaluated", "step 3",
                          "step 4", "save last", "evaluate", "evaluated"));
  // Where an epoch ends, it is not over before it has been evaluated.
  EXPECT_EQ(witness_.saved->step, 2);
  EXPECT_EQ(witness_.saved->epoch, 1);
}

TEST_F(TrainerTest, EndsWhereAnObserverHasSeenEnough) {
  plan_.epochs = 4;
  witness_.enough = 2;
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::no_better);
  EXPECT_EQ(outcome.position.global_step, 2 * kBatches);
  EXPECT_EQ(outcome.position.epoch, 2);
  // Nothing more is learned where that was known before.
  EXPECT_EQ(train(1, outcome.position).steps, 0);
  // The plan's own end comes first.
  plan_.epochs = 2;
  EXPECT_EQ(train(1, outcome.position).ending, Ending::complete);
}

TEST_F(TrainerTest, TheTailStepDividesByWhatItHas) {
  train(3);  // micro-batches 0 1 2, and 3 4
  ToyTask other;
  const auto loss = [&other](std::int64_t batch) {
    const at::Tensor x = ToyTask::inputs(0, batch * kBatchSize);
    auto* const model = other.module().as<torch::nn::LinearImpl>();
    return (model->forward(x) - x.sum(1, true)).square().mean();
  };
  const LearningRateSchedule schedule{.lr = 0.02, .warmup = 0.5, .length = 2};
  for (const auto& [step, batches] :
       {std::pair(0, std::vector{0, 1, 2}), std::pair(1, std::vector{3, 4})}) {
    other.optimizer().zero_grad();
    double sum = 0;
    for (const int batch : batches) {
      const at::Tensor value = loss(batch);
      sum += value.item<double>();
      (value / static_cast<double>(batches.size())).backward();
    }
    const double epoch = batches.front() / 5.0;
    other.optimizer().step(schedule.at(epoch));
    const StepRecord& record = witness_.records[static_cast<std::size_t>(step)];
    EXPECT_DOUBLE_EQ(record.loss, sum / static_cast<double>(batches.size()));
    EXPECT_DOUBLE_EQ(record.epoch, epoch);
    EXPECT_DOUBLE_EQ(record.lr, schedule.at(epoch));
  }
}

TEST_F(TrainerTest, ContinuesBitwiseFromEveryStep) {
  train(2);
  const std::vector<StepRecord> whole = witness_.records;
  for (std::int64_t stop = 1; stop < 6; ++stop) {
    ToyTask first;
    std::swap(task_, first);
    witness_ = Witness(task_);
    witness_.signal_at = stop;
    const Outcome stopped = train(2);
    ASSERT_EQ(stopped.ending, Ending::signal);
    EXPECT_EQ(stopped.position.global_step, stop);
    EXPECT_EQ(*witness_.saved, stopped.position);
    witness_.signalled = false;
    witness_.signal_at = 0;
    EXPECT_EQ(train(2, *witness_.saved).ending, Ending::complete);
    ASSERT_EQ(witness_.records.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(witness_.records[i].loss, whole[i].loss) << "stopped after " << stop;
      EXPECT_EQ(witness_.records[i].lr, whole[i].lr);
    }
    const std::vector<at::Tensor> state = state_of(task_);
    const std::vector<at::Tensor> expected = state_of(first);
    for (std::size_t i = 0; i < state.size(); ++i) EXPECT_TRUE(at::equal(state[i], expected[i]));
    std::swap(task_, first);
  }
}

TEST_F(TrainerTest, LeavesOutStepsThatAreNotFinite) {
  task_.breaks = 1;
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::complete);
  EXPECT_EQ(task_.discarded, 1);
  EXPECT_EQ(task_.committed, 2 * kBatches - 1);
  EXPECT_TRUE(witness_.records.front().skipped);
  EXPECT_EQ(outcome.position.skipped, 1);
  EXPECT_EQ(outcome.skipped_at_end, 0);
  // The epoch's mean is over steps that were taken.
  EXPECT_EQ(witness_.moments[4].position.loss_count, kBatches - 1);
  EXPECT_TRUE(std::isfinite(witness_.moments[4].mean_loss()));
}

TEST_F(TrainerTest, GivesUpAfterTooMany) {
  plan_.max_skipped_steps = 1;
  task_.breaks = 1;
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::gave_up);
  EXPECT_EQ(outcome.skipped_at_end, 1);
  EXPECT_THAT(witness_.heard, ElementsAre("begin", "step 1"));
  EXPECT_TRUE(witness_.moments.front().gave_up);
}

TEST_F(TrainerTest, StopsAtASignal) {
  witness_.signal_at = 2;
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::signal);
  EXPECT_THAT(witness_.heard, ElementsAre("begin", "step 1", "step 2", "save last"));
}

TEST_F(TrainerTest, ASignalLeavesAnEvaluationForLater) {
  witness_.interrupts = true;
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::signal);
  EXPECT_EQ(outcome.position.epoch, 0);
  EXPECT_EQ(outcome.position.step, kBatches);
  witness_ = Witness(task_);
  EXPECT_EQ(train(1, outcome.position).ending, Ending::complete);
  EXPECT_THAT(std::vector(witness_.heard.begin(), witness_.heard.begin() + 4),
              ElementsAre("begin", "save", "evaluate", "evaluated"));
}

TEST_F(TrainerTest, StopsAtATimeLimitThatLeavesRoomForTheEnd) {
  tick_ = 1;  // at every look at the clock
  max_seconds_ = 14;
  const Outcome alone = train(1);
  EXPECT_EQ(alone.ending, Ending::time_limit);
  EXPECT_EQ(witness_.heard[witness_.heard.size() - 3], "save last");
  EXPECT_EQ(witness_.heard.back(), "evaluated");
  EXPECT_GT(alone.steps, 1);
  clock_ = 0;
  second_.seconds = 4;
  EXPECT_LT(train(1).steps, alone.steps);
}

TEST_F(TrainerTest, WhatFailsInAStepIsRescuedAtTheOneBefore) {
  task_.fails_at = 2;
  EXPECT_THROW(train(1), std::runtime_error);
  EXPECT_EQ(witness_.rescued->global_step, 2);
  EXPECT_EQ(second_.rescued->global_step, 2);
}

TEST_F(TrainerTest, AnObserverThatThrowsIsRescuedToo) {
  for (const auto& [what, step] : {std::pair("step 3", 3), std::pair("evaluated", 5)}) {
    witness_ = Witness(task_);
    second_ = Witness(task_);
    witness_.throws_at = what;
    EXPECT_THROW(train(1), std::runtime_error) << what;
    EXPECT_EQ(witness_.rescued->global_step, step);
    EXPECT_EQ(second_.rescued->global_step, step);
  }
  // What cannot be saved is not tried again.
  second_ = Witness(task_);
  witness_.throws_at = "save";
  EXPECT_THROW(train(1), std::runtime_error);
  EXPECT_EQ(second_.rescued, std::nullopt);
}

}  // namespace
}  // namespace convmae
