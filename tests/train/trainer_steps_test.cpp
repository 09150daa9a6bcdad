#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/toy_task.h"
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;

/// Runs whose length is given in steps, of which an epoch has five.
class TrainerStepsTest : public TrainerTest {
 protected:
  void set_steps(std::int64_t steps, std::int64_t steps_per_epoch = kBatches) {
    plan_.total_steps = steps;
    plan_.epochs = (steps + steps_per_epoch - 1) / steps_per_epoch;
    plan_.schedule = {.lr = 0.02, .warmup = 2, .length = static_cast<double>(steps)};
  }

  /// What was heard before the first step, and after the last one.
  std::vector<std::string> before() const {
    const auto end = std::ranges::find_if(witness_.heard, is_step);
    return {witness_.heard.begin(), end};
  }
  std::vector<std::string> after() const {
    const auto begin = std::find_if(witness_.heard.rbegin(), witness_.heard.rend(), is_step);
    return {begin.base(), witness_.heard.end()};
  }

 private:
  static bool is_step(const std::string& what) { return what.starts_with("step "); }
};

TEST_F(TrainerStepsTest, EndInTheMiddleOfAnEpoch) {
  set_steps(7);
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::complete);
  EXPECT_EQ(outcome.position.epoch, 1);
  EXPECT_EQ(outcome.position.step, 2);
  EXPECT_EQ(outcome.position.global_step, 7);
  EXPECT_THAT(witness_.heard, ElementsAre("begin", "step 1", "step 2", "step 3", "step 4", "step 5",
                                          "save", "evaluate", "evaluated", "step 6", "step 7",
                                          "save last", "evaluate", "evaluated"));
  EXPECT_THAT(witness_.due, ElementsAre(5, 7));
  for (const StepRecord& record : witness_.records) {
    EXPECT_EQ(record.lr, plan_.schedule.at(static_cast<double>(record.step - 1)));
  }
  EXPECT_EQ(witness_.moments.front().steps_left(), 6);
  EXPECT_EQ(witness_.moments.back().steps_left(), 0);
  EXPECT_TRUE(witness_.moments.back().in_steps);
}

TEST_F(TrainerStepsTest, OfWholeEpochsEndAsEpochsDo) {
  set_steps(2 * kBatches);
  const Outcome outcome = train(1);
  EXPECT_EQ(outcome.ending, Ending::complete);
  EXPECT_EQ(outcome.position.epoch, 2);
  EXPECT_EQ(outcome.position.step, 0);
  EXPECT_THAT(after(), ElementsAre("save last", "evaluate", "evaluated"));
}

TEST_F(TrainerStepsTest, AreThoseOfTheOptimizer) {
  set_steps(5, 3);  // an epoch has three, of 2, 2 and 1 micro-batches
  const Outcome outcome = train(2);
  EXPECT_EQ(outcome.position.epoch, 1);
  EXPECT_EQ(outcome.position.step, 2);
  std::vector<double> epochs;
  epochs.reserve(witness_.records.size());
  for (const StepRecord& record : witness_.records) epochs.push_back(record.epoch);
  EXPECT_THAT(epochs, ElementsAre(0, 0.4, 0.8, 1, 1.4));
  EXPECT_EQ(witness_.records.back().lr, plan_.schedule.at(4));
}

TEST_F(TrainerStepsTest, AreEvaluatedEverySoMany) {
  set_steps(7);
  plan_.evaluation.every_steps = 3;
  train(1);
  EXPECT_THAT(witness_.heard,
              ElementsAre("begin", "step 1", "step 2", "step 3", "save", "evaluate", "evaluated",
                          "step 4", "step 5", "save", "evaluate", "evaluated", "step 6", "save",
                          "evaluate", "evaluated", "step 7", "save last", "evaluate", "evaluated"));
  EXPECT_THAT(witness_.due, ElementsAre(3, 6, 7));  // and not where the epoch ends
}

TEST_F(TrainerStepsTest, OfEpochsAreEvaluatedEverySoMany) {
  plan_.evaluation.every_steps = 5;
  train(1);
  EXPECT_THAT(witness_.due, ElementsAre(5, 10));
  EXPECT_EQ(witness_.found.size(), 2);  // an epoch that ends there pauses once
  witness_ = Witness(task_);
  plan_.evaluation = {.every_epochs = 2};
  train(1);
  EXPECT_THAT(witness_.due, ElementsAre(10));
}

TEST_F(TrainerStepsTest, ContinueBitwiseFromEveryOne) {
  set_steps(7);
  plan_.evaluation.every_steps = 3;
  train(1);
  const Witness whole = witness_;
  for (std::int64_t stop = 1; stop <= 7; ++stop) {
    ToyTask first;
    std::swap(task_, first);
    witness_ = Witness(task_);
    witness_.signal_at = stop;
    const Outcome stopped = train(1);
    ASSERT_EQ(stopped.ending, Ending::signal);
    witness_.signalled = false;
    witness_.signal_at = 0;
    EXPECT_EQ(train(1, *witness_.saved, /*evaluated=*/false).ending, Ending::complete);
    ASSERT_EQ(witness_.records.size(), whole.records.size());
    for (std::size_t i = 0; i < whole.records.size(); ++i) {
      EXPECT_EQ(witness_.records[i].loss, whole.records[i].loss) << "stopped after " << stop;
      EXPECT_EQ(witness_.records[i].lr, whole.records[i].lr);
    }
    EXPECT_EQ(witness_.due, whole.due) << "stopped after " << stop;
    EXPECT_EQ(witness_.found, whole.found);
    const std::vector<at::Tensor> state = state_of(task_);
    const std::vector<at::Tensor> expected = state_of(first);
    for (std::size_t i = 0; i < state.size(); ++i) EXPECT_TRUE(at::equal(state[i], expected[i]));
    std::swap(task_, first);
  }
}

TEST_F(TrainerStepsTest, GoOnWhereAShorterRunEnded) {
  set_steps(7);
  const Outcome shorter = train(1);
  witness_ = Witness(task_);
  EXPECT_EQ(train(1, shorter.position).steps, 0);
  EXPECT_THAT(witness_.heard, ElementsAre("begin"));
  set_steps(9);
  const Outcome longer = train(1, shorter.position);
  EXPECT_EQ(longer.ending, Ending::complete);
  EXPECT_EQ(longer.steps, 2);
  EXPECT_EQ(longer.position.global_step, 9);
  EXPECT_THAT(witness_.due, ElementsAre(9));
}

TEST_F(TrainerStepsTest, AnEvaluationThatWasCutShortComesFirst) {
  plan_.evaluation.every_steps = 3;
  for (const std::int64_t steps : {3, 7}) {
    set_steps(steps);
    witness_ = Witness(task_);
    witness_.interrupts = true;
    const Outcome outcome = train(1);
    EXPECT_EQ(outcome.ending, Ending::signal);
    EXPECT_EQ(outcome.position.step, 3);
    witness_ = Witness(task_);
    EXPECT_EQ(train(1, outcome.position, /*evaluated=*/false).ending, Ending::complete);
    EXPECT_THAT(std::vector(witness_.heard.begin(), witness_.heard.begin() + 4),
                ElementsAre("begin", steps == 3 ? "save last" : "save", "evaluate", "evaluated"));
    EXPECT_EQ(witness_.due.back(), steps);
    // One that was not is not repeated.
    witness_ = Witness(task_);
    train(1, outcome.position);
    EXPECT_THAT(before(), ElementsAre("begin"));
  }
}

TEST_F(TrainerStepsTest, WithinATimeLimitThereIsTimeForTheLastEvaluation) {
  tick_ = 1;  // at every look at the clock
  for (const std::int64_t every : {1, 2, 4}) {
    for (max_seconds_ = 20; max_seconds_ < 60; ++max_seconds_) {
      set_steps(100);
      plan_.evaluation.every_steps = every;
      clock_ = 0;
      witness_ = Witness(task_);
      witness_.seconds = 4;
      witness_.clock = &clock_;
      EXPECT_EQ(train(1).ending, Ending::time_limit);
      EXPECT_LE(clock_, max_seconds_) << every;
      EXPECT_THAT(after(), ElementsAre("save last", "evaluate", "evaluated"));
      EXPECT_EQ(witness_.due.back(), witness_.records.back().step);
    }
  }
}

TEST_F(TrainerStepsTest, ThatWaitedForAnEvaluationAreNotSlower) {
  tick_ = 1;
  set_steps(10);
  train(1);
  const Speed alone = witness_.moments.back().speed;
  plan_.evaluation.every_steps = 2;
  witness_ = Witness(task_);
  witness_.seconds = 100;
  witness_.clock = &clock_;
  train(1);
  const Speed with_evaluations = witness_.moments.back().speed;
  EXPECT_EQ(with_evaluations.seconds_per_step, alone.seconds_per_step);
  EXPECT_EQ(with_evaluations.epoch_seconds, alone.epoch_seconds);
}

TEST_F(TrainerStepsTest, HaveTheMeanLearningRateOfTheirEpoch) {
  set_steps(7);
  std::vector<double> means;
  class Means : public Observer {
   public:
    explicit Means(std::vector<double>& into) : into_(into) {}
    void evaluated(const Moment& now, const Scores&) override { into_.push_back(now.mean_lr); }

   private:
    std::vector<double>& into_;
  } observer(means);
  plan_.steps = StepPlan(kBatches, 1);
  const std::vector<Observer*> observers{&observer};
  Trainer(plan_, {[] { return false; }, [] { return 0.0; }})
      .run(task_,
           [](std::int64_t epoch, std::int64_t batch) {
             return std::make_unique<Numbers>(epoch, batch);
           },
           observers, {});
  const auto lr = [this](double step) { return plan_.schedule.at(step); };
  ASSERT_EQ(means.size(), 2);
  EXPECT_DOUBLE_EQ(means[0], (lr(0) + lr(1) + lr(2) + lr(3) + lr(4)) / 5);
  EXPECT_DOUBLE_EQ(means[1], (lr(5) + lr(6)) / 2);
}

}  // namespace
}  // namespace convmae
