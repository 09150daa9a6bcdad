#include "convmae/base/random.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include "support/read_backs.h"
#include "train/toy_task.h"
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace convmae {
namespace {

constexpr std::int64_t kLateBatches = 6;  // of an epoch

/// Learns that y is the sum of x, with a batch norm whose statistics steps move.
class LateTask : public Task {
 public:
  LateTask() : optimizer_(weight_decay_groups(*linear_, 0.01), {}) {
    linear_->register_module("norm", norm_);
    const at::NoGradGuard no_grad;
    for (const at::Tensor& parameter : linear_->parameters()) parameter.fill_(0.25);
  }
  torch::nn::Module& module() override { return *linear_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override {
    if (batch.epoch == 0 && batch.step == fails_at) throw std::runtime_error("no memory");
    const at::Tensor x =
        at::sin(at::arange(12, at::kFloat) * (1.0 + 0.1 * static_cast<double>(batch.step)))
            .view({4, 3});
    at::Tensor error = (linear_->forward(norm_->forward(x)) - x.sum(1, true)).square().mean();
    if (batch.epoch == 0 && batch.step == breaks_at) {
      error = error * std::numeric_limits<double>::infinity();
    }
    return {error, {{"square", error.detach()}}};
  }
  void commit() override { norm_->commit(); }
  void discard() override { norm_->discard(); }
  void commit_if(const at::Tensor& admitted) override { norm_->commit_if(admitted); }

  std::vector<at::Tensor> state() {
    std::vector<at::Tensor> all;
    for (const auto& [name, tensor] : named_tensors(*linear_)) all.push_back(tensor.clone());
    for (const auto& [name, tensor] : optimizer_.state_tensors()) all.push_back(tensor.clone());
    return all;
  }

  std::int64_t fails_at = -1;   ///< micro-batch of the first epoch
  std::int64_t breaks_at = -1;  ///< likewise, whose loss is infinite

 private:
  std::shared_ptr<BatchNorm> norm_ = std::make_shared<BatchNorm>(3, 1e-5, BatchNorm::Affine::none);
  torch::nn::Linear linear_{3, 1};
  AdamW optimizer_;
};

/// Writes down what it hears, and the state where it says that it needs that.
class LateWitness : public Observer {
 public:
  explicit LateWitness(LateTask& task) : task_(task) {}
  void stepped(const StepRecord& record, const Moment& now) override {
    records.push_back(record);
    moments.push_back(now);
    if (record.step == needs) needed = task_.state();
    if (record.step == signal_at) signalled = true;
  }
  bool needs_model_after(std::int64_t step) const override { return step == needs; }
  void save(const Moment& now) override { saved.push_back(now.position); }
  void rescue(const Moment& now) override {
    rescued = now.position;
    at_rescue = task_.state();
  }

  std::vector<StepRecord> records;
  std::vector<Moment> moments;
  std::vector<RunPosition> saved;
  std::optional<RunPosition> rescued;
  std::vector<at::Tensor> at_rescue;
  std::vector<at::Tensor> needed;
  std::int64_t needs = -1;
  std::int64_t signal_at = -1;
  bool signalled = false;

 private:
  LateTask& task_;
};

/// One run on the CPU, where the trainer waits for nothing if it reads late.
struct LateRun {
  Outcome train(bool reads_late, std::int64_t accum_iter = 1) {
    const TrainingPlan plan{.steps = StepPlan(kLateBatches, accum_iter),
                            .epochs = 2,
                            .schedule = {.lr = 0.02, .length = 2},
                            .clip_grad = 0.5,
                            .max_skipped_steps = most_skipped,
                            .reads_late = reads_late};
    const std::vector<Observer*> observers{&witness};
    return Trainer(plan, {[this] { return witness.signalled; }, [] { return 0.0; }})
        .run(task,
             [](std::int64_t epoch, std::int64_t batch) {
               return std::make_unique<Numbers>(epoch, batch, kLateBatches);
             },
             observers, {});
  }

  LateTask task;
  LateWitness witness{task};
  std::int64_t most_skipped = 0;
};

void expect_close(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(at::allclose(found[i], expected[i], 1e-4, 1e-5)) << i << "\n" << found[i];
  }
}

/// Both ways of the same run; the library's AdamW rounds otherwise than ours.
void expect_same(LateRun& late, LateRun& expected) {
  ASSERT_EQ(late.witness.records.size(), expected.witness.records.size());
  for (std::size_t i = 0; i < late.witness.records.size(); ++i) {
    const StepRecord& one = late.witness.records[i];
    const StepRecord& other = expected.witness.records[i];
    EXPECT_EQ(one.step, other.step);
    EXPECT_EQ(one.epoch, other.epoch);
    EXPECT_EQ(one.lr, other.lr);
    EXPECT_EQ(one.skipped, other.skipped);
    if (!one.skipped) {
      EXPECT_NEAR(one.loss, other.loss, 1e-4);
      EXPECT_NEAR(one.parts.at(0).second, one.loss, 1e-12);
    }
    const Moment& now = late.witness.moments[i];
    const Moment& then = expected.witness.moments[i];
    EXPECT_EQ(now.position.step, then.position.step);
    EXPECT_EQ(now.position.global_step, one.step);
    EXPECT_EQ(now.position.skipped, then.position.skipped);
    EXPECT_EQ(now.position.loss_count, then.position.loss_count);
    EXPECT_EQ(now.epochs_done, then.epochs_done);
    EXPECT_EQ(now.epoch, then.epoch);
  }
  expect_close(late.task.state(), expected.task.state());
}

TEST(TrainerReadingLate, TrainsAsOneThatWaits) {
  for (const std::int64_t accum_iter : {1, 4}) {
    LateRun late;
    LateRun expected;
    EXPECT_EQ(late.train(true, accum_iter).ending, Ending::complete);
    expected.train(false, accum_iter);
    expect_same(late, expected);
  }
}

TEST(TrainerReadingLate, LeavesOutWhatTheOtherLeavesOut) {
  for (const std::int64_t broken : {0, 3, 5}) {  // the first, one between, the epoch's last
    LateRun late;
    LateRun expected;
    late.task.breaks_at = expected.task.breaks_at = broken;
    EXPECT_EQ(late.train(true).position.skipped, 1);
    expected.train(false);
    EXPECT_TRUE(late.witness.records[static_cast<std::size_t>(broken)].skipped);
    expect_same(late, expected);
  }
}

TEST(TrainerReadingLate, ReadsNothingBack) {
  LateRun run;
  const ReadBacks read_backs;
  run.train(true, 4);
  EXPECT_EQ(read_backs.found(), 0);
}

TEST(TrainerReadingLate, TellsOfAStepWhenTheNextIsUnderWay) {
  LateRun run;
  run.task.fails_at = 3;
  EXPECT_THROW(run.train(true), std::runtime_error);
  // Steps 1 and 2 when their followers were there, step 3 when there was to be none.
  EXPECT_EQ(run.witness.records.size(), 3);
  EXPECT_EQ(run.witness.rescued->global_step, 3);
  LateRun three;
  three.witness.signal_at = 3;
  three.train(false);
  expect_close(run.witness.at_rescue, three.task.state());
}

TEST(TrainerReadingLate, WaitsWhereTheModelIsNeeded) {
  LateRun run;
  run.witness.needs = 2;
  run.train(true);
  LateRun two;
  two.witness.signal_at = 2;
  two.train(false);
  expect_close(run.witness.needed, two.task.state());
}

TEST(TrainerReadingLate, SavesWhatItHasReallyDone) {
  LateRun run;
  run.witness.signal_at = 2;
  const Outcome outcome = run.train(true);
  EXPECT_EQ(outcome.ending, Ending::signal);
  // Step 3 was under way when that of step 2 was heard.
  EXPECT_EQ(run.witness.records.size(), 3);
  EXPECT_EQ(run.witness.saved.back().global_step, 3);
  EXPECT_EQ(outcome.position.global_step, 3);
  LateRun three;
  three.witness.signal_at = 3;
  three.train(false);
  expect_close(run.task.state(), three.task.state());
}

TEST(TrainerReadingLate, GivesUp) {
  LateRun run;
  run.most_skipped = 1;
  run.task.breaks_at = 1;
  EXPECT_EQ(run.train(true).ending, Ending::gave_up);
  EXPECT_TRUE(run.witness.moments.back().gave_up);
  EXPECT_EQ(run.witness.records.back().step, 2);
}

TEST(TrainerReadingLate, RefusesATaskThatIsNotMadeForIt) {
  LateTask task;
  EXPECT_THROW(task.Task::commit_if(at::ones({}, at::kBool)), c10::Error);
}

}  // namespace
}  // namespace convmae
