#include "support/processes.h"

#include "convmae/train/batches.h"
#include "convmae/train/trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/shared_training.h"
#include "support/small_models.h"
#include <chrono>

/// Several processes train what one would.
namespace convmae {
namespace {

using testing::Each;

constexpr std::int64_t kSteps = 50;

/// Pretraining in float64 on masks that are functions of the images' positions.
Trained pretrain(const ModelConfig& config, const SharedTraining& training, ProcessGroup* group) {
  const auto model = make_random_model(config, 3);
  ModuleTask task(model, [&](const Batch& batch) -> Loss {
    const at::Tensor noise = mask_noise(5, static_cast<std::uint64_t>(batch.epoch),
                                        batch.global_indices, model->noise_length());
    const at::Tensor images = images_at(batch, config.encoder.img_size);
    return {model->forward(images, noise, Predict::removed).loss, {}};
  });
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
