#pragma once

#include "convmae/base/geometry.h"
#include "convmae/base/random.h"
#include "convmae/data/batch_plan.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/model/named_tensors.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/batch_key.h"
#include "convmae/train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Training by several processes or one, on samples that are functions of their position.
namespace convmae {

/// Images [B, 3, H, W] in float64: each a function of its position in the epoch.
inline at::Tensor images_at(const Batch& batch, Size size) {
  at::Tensor images = at::empty({batch.count, 3, size.height, size.width}, at::kDouble);
  for (std::int64_t i = 0; i < batch.count; ++i) {
    const auto position = batch.global_indices[static_cast<std::size_t>(i)];
    CounterRandom random(5, static_cast<std::uint64_t>(batch.epoch),
                         static_cast<std::uint64_t>(position), Purpose::crop);
    std::generate_n(images[i].mutable_data_ptr<double>(), images[i].numel(),
                    [&] { return random.uniform(-1, 1); });
  }
  return images;
}

inline BatchKey batch_key_of(const Batch& batch) {
  return {5, static_cast<std::uint64_t>(batch.epoch), batch.global_indices};
}

/// A module and the loss of a micro-batch.
class ModuleTask : public Task {
 public:
  using LossOf = std::function<Loss(const Batch& batch)>;
  ModuleTask(std::shared_ptr<torch::nn::Module> module, LossOf loss_of)
      : module_(std::move(module)),
        optimizer_(weight_decay_groups(*module_, 0.05), {}),
        loss_of_(std::move(loss_of)) {}

  torch::nn::Module& module() override { return *module_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override { return loss_of_(batch); }
  void commit() override { commit_statistics(*module_); }
  void discard() override { discard_statistics(*module_); }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  AdamW optimizer_;
  LossOf loss_of_;
};

/// Adds images to a batch that knows its positions.
using FillBatch = std::function<void(Batch& batch)>;

/// A process's share of every micro-batch.
class Shares : public BatchStream {
 public:
  Shares(const BatchPlan& plan, std::int64_t epoch, std::int64_t batch, FillBatch fill)
      : plan_(plan), epoch_(epoch), batch_(batch), fill_(std::move(fill)) {}
  std::optional<Batch> next() override {
    if (batch_ == plan_.steps_per_epoch()) {
      ++epoch_;
      batch_ = 0;
    }
    const Slice slice = plan_.slice(batch_);
    Batch batch;
    batch.epoch = epoch_;
    batch.step = batch_++;
    batch.count = slice.end - slice.begin;
    for (std::int64_t i = slice.begin; i < slice.end; ++i) batch.global_indices.push_back(i);
    fill_(batch);
    return batch;
  }
  double seconds_waited() const override { return 0; }

 private:
  BatchPlan plan_;
  std::int64_t epoch_;
  std::int64_t batch_;
  FillBatch fill_;
};

/// Losses of all steps.
class Losses : public Observer {
 public:
  void stepped(const StepRecord& record, const Moment&) override { values.push_back(record.loss); }
  std::vector<double> values;
};

struct SharedTraining {
  std::int64_t samples = 37;  ///< no number of processes divides it
  std::int64_t images_a_step = 8;
  std::int64_t accum_iter = 1;
  std::int64_t steps = 10;
  RunPosition from = {};
  std::function<bool(std::size_t step)> signalled = [](std::size_t) { return false; };
  FillBatch fill = [](Batch&) {};
};

struct Trained {
  std::vector<double> losses;
  NamedTensors tensors;
  Ending ending = Ending::gave_up;
  RunPosition position = {};
};

inline Trained train(const SharedTraining& training, Task& task, ProcessGroup* group) {
  const std::int64_t processes = group != nullptr ? group->size() : 1;
  const BatchPlan plan(training.samples, training.images_a_step / training.accum_iter / processes,
                       group != nullptr ? group->rank() : 0, processes, /*drop_last=*/true);
  Losses losses;
  Trainer trainer({.steps = StepPlan(plan.steps_per_epoch(), training.accum_iter),
                   .epochs = 100,
                   .total_steps = training.steps,
                   .schedule = {.lr = 1e-3, .warmup = 5, .length = 50},
                   .group = group},
                  {.signalled = [&] { return training.signalled(losses.values.size()); },
                   .seconds = [] { return 0.0; }});
  std::vector<Observer*> observers{&losses};
  const auto open = [&](std::int64_t epoch, std::int64_t batch) {
    return std::make_unique<Shares>(plan, epoch, batch, training.fill);
  };
  Trained trained;
  const Outcome outcome = trainer.run(task, open, observers, training.from);
  trained.ending = outcome.ending;
  trained.position = outcome.position;
  trained.losses = losses.values;
  trained.tensors = named_tensors(task.module());
  return trained;
}

/// A parameter without what is not determined: a constant added to all keys changes no attention,
/// so the true gradient of the keys' bias is 0, and Adam divides rounding by its own size.
inline at::Tensor determined(const std::string& name, const at::Tensor& parameter) {
  if (!name.ends_with(".qkv.bias")) return parameter;
  const std::vector<at::Tensor> parts = parameter.chunk(3);
  return at::cat({parts[0], parts[2]});
}

/// The largest difference, relative to the largest value of its tensor.
inline double difference(const Trained& a, const Trained& b) {
  const at::NoGradGuard no_grad;
  if (a.losses.size() != b.losses.size()) return HUGE_VAL;
  double worst = 0;
  for (std::size_t i = 0; i < a.losses.size(); ++i) {
    worst = std::max(worst, std::abs(a.losses[i] - b.losses[i]) / std::abs(b.losses[i]));
  }
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    const auto& [name, tensor] = b.tensors[i];
    const at::Tensor expected = determined(name, tensor).to(at::kDouble);
    const at::Tensor found = determined(name, a.tensors[i].second).to(at::kDouble);
    worst = std::max(worst, ((found - expected).abs().max() / expected.abs().max()).item<double>());
  }
  return worst;
}

}  // namespace convmae
