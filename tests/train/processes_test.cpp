#include "support/processes.h"

#include "convmae/base/random.h"
#include "convmae/data/batch_plan.h"
#include "convmae/model/named_tensors.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/batches.h"
#include "convmae/train/trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_models.h"
#include <algorithm>
#include <chrono>

/// Several processes train what one would.
namespace convmae {
namespace {

using testing::Each;

constexpr std::int64_t kSamples = 37;  // no number of processes divides it
constexpr std::int64_t kImagesAStep = 8;
constexpr std::int64_t kSteps = 50;

/// Pretraining in float64: image and mask of a sample are a function of its position.
class PositionTask : public Task {
 public:
  explicit PositionTask(const ModelConfig& config)
      : model_(make_random_model(config, 3)), optimizer_(weight_decay_groups(*model_, 0.05), {}) {}

  torch::nn::Module& module() override { return *model_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override {
    const Size size = model_->config().encoder.img_size;
    const at::Tensor images = at::empty({batch.count, 3, size.height, size.width}, at::kDouble);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const auto position = batch.global_indices[static_cast<std::size_t>(i)];
      CounterRandom random(5, static_cast<std::uint64_t>(batch.epoch),
                           static_cast<std::uint64_t>(position), Purpose::crop);
      std::generate_n(images[i].mutable_data_ptr<double>(), images[i].numel(),
                      [&] { return random.uniform(-1, 1); });
    }
    const at::Tensor noise = mask_noise(5, static_cast<std::uint64_t>(batch.epoch),
                                        batch.global_indices, model_->noise_length());
    return {model_->forward(images, noise, Predict::removed).loss, {}};
  }

 private:
  std::shared_ptr<PretrainModel> model_;
  AdamW optimizer_;
};

/// A process's share of every micro-batch.
class Shares : public BatchStream {
 public:
  Shares(std::int64_t epoch, std::int64_t batch, std::int64_t batch_size, std::int64_t rank,
         std::int64_t processes)
      : plan_(kSamples, batch_size, rank, processes, /*drop_last=*/true),
        epoch_(epoch),
        batch_(batch) {}
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
    return batch;
  }
  double seconds_waited() const override { return 0; }

 private:
  BatchPlan plan_;
  std::int64_t epoch_;
  std::int64_t batch_;
};

/// Losses of all steps; and may ask for the end.
class Losses : public Observer {
 public:
  void stepped(const StepRecord& record, const Moment&) override { values.push_back(record.loss); }
  void rescue(const Moment& now) override { rescued_after = now.position.global_step; }

  std::vector<double> values;
  std::int64_t rescued_after = -1;
};

struct Trained {
  std::vector<double> losses;
  NamedTensors parameters;
  Ending ending = Ending::gave_up;
};

struct Training {
  ModelConfig config;
  std::int64_t accum_iter = 1;
  std::int64_t steps = kSteps;
  std::function<bool(std::size_t step)> signalled = [](std::size_t) { return false; };
};

Trained train(const Training& training, ProcessGroup* group) {
  const std::int64_t processes = group != nullptr ? group->size() : 1;
  const std::int64_t rank = group != nullptr ? group->rank() : 0;
  const std::int64_t batch_size = kImagesAStep / training.accum_iter / processes;
  PositionTask task(training.config);
  Losses losses;
  const std::int64_t batches = kSamples / (batch_size * processes);
  Trainer trainer({.steps = StepPlan(batches, training.accum_iter),
                   .epochs = 100,
                   .total_steps = training.steps,
                   .schedule = {.lr = 1e-3, .warmup = 5, .length = kSteps},
                   .group = group},
                  {.signalled = [&] { return training.signalled(losses.values.size()); },
                   .seconds = [] { return 0.0; }});
  std::vector<Observer*> observers{&losses};
  const Outcome outcome =
      trainer.run(task,
                  [&](std::int64_t epoch, std::int64_t batch) {
                    return std::make_unique<Shares>(epoch, batch, batch_size, rank, processes);
                  },
                  observers, {});
  Trained trained;
  trained.ending = outcome.ending;
  trained.losses = losses.values;
  trained.parameters = named_tensors(task.module());
  return trained;
}

/// A parameter without what is not determined: a constant added to all keys changes no attention,
/// so the true gradient of the keys' bias is 0, and Adam divides rounding by its own size.
at::Tensor determined(const std::string& name, const at::Tensor& parameter) {
  if (!name.ends_with(".qkv.bias")) return parameter;
  const std::vector<at::Tensor> parts = parameter.chunk(3);
  return at::cat({parts[0], parts[2]});
}

/// The largest difference, relative to the largest value of its tensor.
double difference(const Trained& a, const Trained& b) {
  const at::NoGradGuard no_grad;
  double worst = 0;
  for (std::size_t i = 0; i < a.losses.size(); ++i) {
    worst = std::max(worst, std::abs(a.losses[i] - b.losses[i]) / std::abs(b.losses[i]));
  }
  for (std::size_t i = 0; i < a.parameters.size(); ++i) {
    const auto& [name, parameter] = b.parameters[i];
    const at::Tensor expected = determined(name, parameter);
    const at::Tensor found = determined(name, a.parameters[i].second);
    worst = std::max(worst, ((found - expected).abs().max() / expected.abs().max()).item<double>());
  }
  return worst;
}

ModelConfig config_of(Method method) {
  ModelConfig config = method == Method::mae ? small_vit_config() : small_config();
  config.method = method;
  if (method == Method::fastconvmae) config.masking = {.ratio = 0.75, .groups = 4};
  return config;
}

class EachMethod : public testing::TestWithParam<Method> {};

TEST_P(EachMethod, IsTrainedBySeveralProcessesAsByOne) {
  at::set_num_threads(1);
  for (const std::int64_t accum_iter : {1, 2}) {
    const Training training{.config = config_of(GetParam()), .accum_iter = accum_iter};
    const Trained alone = train(training, nullptr);
    ASSERT_EQ(std::ssize(alone.losses), kSteps);
    EXPECT_LT(alone.losses.back(), alone.losses.front());
    for (const std::int64_t processes : {2, 4}) {
      const auto work = [&](ProcessGroup& group) {
        const Trained together = train(training, &group);
        return std::ssize(together.losses) == kSteps && difference(together, alone) < 1e-12;
      };
      EXPECT_THAT(run_processes(processes, work), Each(0)) << processes;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, EachMethod,
                         testing::Values(Method::convmae, Method::fastconvmae, Method::mae));

TEST(Processes, EndAfterTheSameStepWhicheverIsAsked) {
  const auto work = [](ProcessGroup& group) {
    Training training{.config = config_of(Method::mae), .accum_iter = 2};
    // Process 1 is asked while it computes the eighth step.
    training.signalled = [&](std::size_t step) { return group.rank() == 1 && step == 7; };
    const Trained trained = train(training, &group);
    return trained.ending == Ending::signal && trained.losses.size() == 8;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(Processes, KeepTheLastWholeStepWhenOneIsLost) {
  const auto work = [](ProcessGroup& group) {
    Training training{.config = config_of(Method::mae)};
    training.signalled = [&](std::size_t step) {
      if (group.rank() == 1 && step == 3) ::_exit(0);
      return false;
    };
    try {
      train(training, &group);
    } catch (const ProcessLost& lost) {
      return lost.tells() && std::string(lost.what()).starts_with("process 1 of 2");
    }
    return false;
  };
  EXPECT_THAT(run_processes(2, work, std::chrono::seconds(2)), Each(0));
}

}  // namespace
}  // namespace convmae
