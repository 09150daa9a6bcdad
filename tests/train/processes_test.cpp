#include "support/processes.h"

#include "convmae/train/batches.h"
#include "convmae/train/trainer.h"
#include "convmae/train/training_checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/shared_training.h"
#include "support/small_models.h"
#include "support/tiny_model.h"
#include <chrono>

/// Several processes train what one would.
namespace convmae {
namespace {

using testing::Each;

constexpr std::int64_t kSteps = 50;

/// Pretraining in float64 on masks that are functions of the images' positions.
ModuleTask pretraining(const ModelConfig& config) {
  const auto model = make_random_model(config, 3);
  return {model, [model, size = config.encoder.img_size](const Batch& batch) -> Loss {
            const at::Tensor noise = mask_noise(5, static_cast<std::uint64_t>(batch.epoch),
                                                batch.global_indices, model->noise_length());
            return {model->forward(images_at(batch, size), noise, Predict::removed).loss, {}};
          }};
}

Trained pretrain(const ModelConfig& config, const SharedTraining& training, ProcessGroup* group) {
  ModuleTask task = pretraining(config);
  return train(training, task, group);
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
    const SharedTraining training{.accum_iter = accum_iter, .steps = kSteps};
    const Trained alone = pretrain(config_of(GetParam()), training, nullptr);
    ASSERT_EQ(std::ssize(alone.losses), kSteps);
    EXPECT_LT(alone.losses.back(), alone.losses.front());
    for (const std::int64_t processes : {2, 4}) {
      const auto work = [&](ProcessGroup& group) {
        return difference(pretrain(config_of(GetParam()), training, &group), alone) < 1e-12;
      };
      EXPECT_THAT(run_processes(processes, work), Each(0)) << processes;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, EachMethod,
                         testing::Values(Method::convmae, Method::fastconvmae, Method::mae));

TEST(Processes, OthersGoOnFromACheckpoint) {
  const ModelConfig config = small_config();
  // Five units of eight images in an epoch: three steps, the last of one unit.
  SharedTraining training{.samples = 40, .images_a_step = 16, .accum_iter = 2, .steps = 12};
  const Trained whole = pretrain(config, training, nullptr);
  const ScratchDirectory scratch;
  const std::filesystem::path file = scratch.path() / "checkpoint.safetensors";
  for (const auto& [processes, accum_iter] : {std::pair{4, 2}, std::pair{2, 4}, std::pair{1, 8}}) {
    training.accum_iter = accum_iter;
    training.steps = training.from.global_step + 4;
    const auto work = [&](ProcessGroup& group) {
      ModuleTask task = pretraining(config);
      if (training.from.global_step > 0) {
        restore_training_checkpoint(CheckpointFile(file), task.module(), task.optimizer());
      }
      Trained part = train(training, task, &group);
      const auto first = whole.losses.begin() + training.from.global_step;
      const Trained expected{.losses = {first, first + 4},
                             .tensors = training.steps == 12 ? whole.tensors : part.tensors};
      if (group.is_first()) {
        TrainingState state;
        state.position = part.position;
        state.gemm = "aten";
        state.threads = 1;
        state.identity.unit = 8;
        state.identity.units_per_step = 2;
        state.identity.images = 44;
        save_training_checkpoint(file, task.module(), task.optimizer(), tiny_info(), state);
      }
      group.sum(at::ones({1}));
      return difference(part, expected) < 1e-12;
    };
    EXPECT_THAT(run_processes(processes, work), Each(0)) << processes;
    training.from = training_state(CheckpointFile(file)).position;
  }
  EXPECT_EQ(training.from.global_step, 12);
}

TEST(Processes, EndAfterTheSameStepWhicheverIsAsked) {
  const auto work = [](ProcessGroup& group) {
    SharedTraining training{.accum_iter = 2, .steps = kSteps};
    // Process 1 is asked while it computes the eighth step.
    training.signalled = [&](std::size_t step) { return group.rank() == 1 && step == 7; };
    const Trained trained = pretrain(config_of(Method::mae), training, &group);
    return trained.ending == Ending::signal && trained.losses.size() == 8;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(Processes, KeepTheLastWholeStepWhenOneIsLost) {
  const auto work = [](ProcessGroup& group) {
    SharedTraining training{.steps = kSteps};
    training.signalled = [&](std::size_t step) {
      if (group.rank() == 1 && step == 3) ::_exit(0);
      return false;
    };
    try {
      pretrain(config_of(Method::mae), training, &group);
    } catch (const ProcessLost& lost) {
      return lost.tells() && std::string(lost.what()).starts_with("process 1 of 2");
    }
    return false;
  };
  EXPECT_THAT(run_processes(2, work, std::chrono::seconds(2)), Each(0));
}

}  // namespace
}  // namespace convmae
