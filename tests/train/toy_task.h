#pragma once

#include "convmae/base/random.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// A small task, its batches and an observer: what tests of the trainer train.
namespace convmae {

inline constexpr std::int64_t kBatches = 5;  // of an epoch
inline constexpr std::int64_t kBatchSize = 4;

/// Learns that y is the sum of x.
class ToyTask : public Task {
 public:
  ToyTask() : optimizer_(weight_decay_groups(*model_, 0.01), {}) {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& parameter : model_->parameters()) parameter.fill_(0.25);
  }
  torch::nn::Module& module() override { return *model_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override {
    if (batch.step == fails_at) throw std::runtime_error("no memory");
    const at::Tensor x = inputs(batch.epoch, batch.global_indices.front());
    at::Tensor error = (model_->forward(x) - x.sum(1, true)).square().mean();
    if (std::exchange(breaks, 0) > 0) error = error * std::numeric_limits<double>::infinity();
    return {error, {{"square", error.detach()}}};
  }
  void commit() override { ++committed; }
  void discard() override { ++discarded; }

  static at::Tensor inputs(std::int64_t epoch, std::int64_t first) {
    CounterRandom random(1, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(first),
                         Purpose::mask);
    at::Tensor x = at::empty({kBatchSize, 3}, at::kFloat);
    std::generate_n(x.mutable_data_ptr<float>(), x.numel(), [&] { return random.uniform(); });
    return x;
  }

  std::int64_t fails_at = -1;  ///< micro-batch of an epoch
  int breaks = 0;              ///< the next loss is infinite
  int committed = 0;
  int discarded = 0;

 private:
  torch::nn::Linear model_{3, 1};
  AdamW optimizer_;
};

class Numbers : public BatchStream {
 public:
  Numbers(std::int64_t epoch, std::int64_t batch, std::int64_t batches = kBatches)
      : epoch_(epoch), batch_(batch), batches_(batches) {}
  std::optional<Batch> next() override {
    if (batch_ == batches_) {
      ++epoch_;
      batch_ = 0;
    }
    Batch batch;
    batch.epoch = epoch_;
    batch.step = batch_++;
    batch.count = kBatchSize;
    batch.global_indices = {batch.step * kBatchSize};
    return batch;
  }
  double seconds_waited() const override { return 0; }

 private:
  std::int64_t epoch_;
  std::int64_t batch_;
  std::int64_t batches_;  ///< of an epoch
};

/// Writes down what it hears, and may throw.
class Witness : public Observer {
 public:
  explicit Witness(ToyTask& task) : task_(&task) {}
  void begin(const Moment&) override { hear("begin"); }
  void stepped(const StepRecord& record, const Moment& now) override {
    records.push_back(record);
    moments.push_back(now);
    hear("step " + std::to_string(record.step));
    if (signal_at == record.step) signalled = true;
  }
  void save(const Moment& now) override {
    saved = now.position;
    hear(now.last ? "save last" : "save");
  }
  void evaluate(const Moment& now, Scores& scores) override {
    if (interrupts) throw Interrupted();
    if (now.evaluation_due) due.push_back(now.position.global_step);
    if (clock != nullptr && now.evaluation_due) *clock += seconds;
    const at::NoGradGuard no_grad;
    scores.values["held_out"] = task_->loss(held_out_batch()).total.item<double>();
    hear("evaluate");
  }
  void evaluated(const Moment&, const Scores& scores) override {
    hear("evaluated");
    found.push_back(scores.values.at("held_out").get<double>());
  }
  bool has_seen_enough() const override { return enough > 0 && std::ssize(found) >= enough; }
  void rescue(const Moment& now) override {
    rescued = now.position;
    heard.emplace_back("rescue");
  }
  double seconds_at_end() const override { return seconds; }

  std::vector<std::string> heard;
  std::vector<StepRecord> records;
  std::vector<Moment> moments;
  std::vector<double> found;
  std::vector<std::int64_t> due;  ///< steps after which an evaluation was
  std::optional<RunPosition> saved;
  std::optional<RunPosition> rescued;
  std::string throws_at;
  std::int64_t signal_at = 0;
  bool signalled = false;
  bool interrupts = false;
  std::int64_t enough = 0;  ///< evaluations that are enough; 0: none are
  double seconds = 0;       ///< that an evaluation takes
  double* clock = nullptr;  ///< where they pass

 private:
  void hear(const std::string& what) {
    heard.push_back(what);
    if (what == throws_at) throw std::runtime_error("the disk is full");
  }
  static Batch held_out_batch() {
    Batch batch;
    batch.epoch = 1000;
    batch.global_indices = {0};
    return batch;
  }

  ToyTask* task_;
};

class TrainerTest : public testing::Test {
 protected:
  Outcome train(std::int64_t accum_iter, const RunPosition& from = {}, bool evaluated = true) {
    plan_.steps = StepPlan(kBatches, accum_iter);
    const Limits limits{[this] { return witness_.signalled; }, [this] { return clock_ += tick_; },
                        max_seconds_};
    const std::vector<Observer*> observers{&witness_, &second_};
    return Trainer(plan_, limits)
        .run(
            task_,
            [](std::int64_t epoch, std::int64_t batch) {
              return std::make_unique<Numbers>(epoch, batch);
            },
            observers, from, evaluated);
  }

  std::vector<at::Tensor> state_of(ToyTask& task) const {
    std::vector<at::Tensor> state;
    for (const auto& [name, tensor] : named_tensors(task.module())) state.push_back(tensor);
    for (const auto& [name, tensor] : task.optimizer().state_tensors()) state.push_back(tensor);
    return state;
  }

  TrainingPlan plan_{.epochs = 2, .schedule = {.lr = 0.02, .warmup = 0.5, .length = 2}};
  ToyTask task_;
  Witness witness_{task_};
  Witness second_{task_};
  double clock_ = 0;
  double tick_ = 0;
  double max_seconds_ = 0;
};

}  // namespace convmae
