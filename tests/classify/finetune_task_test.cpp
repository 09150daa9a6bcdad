#include "convmae/classify/finetune_task.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/processes.h"
#include "support/shared_training.h"
#include "support/small_models.h"
#include "support/step_without_numbers.h"
#include <memory>
#include <string>

namespace convmae {
namespace {

using testing::Each;

FinetuneOptions small_options() {
  FinetuneOptions options;
  options.model_config = small_config();
  options.mean = options.std = {0.5, 0.5, 0.5};
  options.drop_path = 0.3;
  options.model_ema_decay = 0.9;
  options.mixup_group = 2;
  return options;
}

/// Images and labels that are functions of their positions.
void fill_batch(Batch& batch) {
  const at::Tensor images = images_at(batch, small_config().encoder.img_size).to(at::kFloat);
  batch.pixels = std::shared_ptr<float[]>(new float[static_cast<std::size_t>(images.numel())]);
  std::copy_n(images.const_data_ptr<float>(), images.numel(), batch.pixels.get());
  for (const std::int64_t position : batch.global_indices) batch.labels.push_back(position % 3);
}

/// Lets a task that has not begun compute in float64.
void widen(FinetuneTask& task) {
  task.module().to(at::kDouble);
  for (const auto& [name, state] : task.optimizer().state_tensors()) {
    if (!name.starts_with(kStepPrefix)) at::Tensor(state).set_data(state.to(at::kDouble));
  }
  task.start_average();
}

Trained finetune_by_positions(ProcessGroup* group) {
  const FinetuneOptions options = small_options();
  const std::vector<std::int64_t> class_of{0, 1, 2};
  FinetuneTask task(options, class_of, {.encoder = options.model_config.encoder, .num_classes = 3},
                    {.type = at::kDouble, .group = group});
  task.module().initialise(4);
  widen(task);
  Trained trained = train({.fill = fill_batch}, task, group);
  for (const auto& average : task.further_state().tensors) trained.tensors.push_back(average);
  return trained;
}

TEST(FinetuneTask, AStepOnADeviceReadsNoNumberBack) {
  const FinetuneOptions options = small_options();
  const std::vector<std::int64_t> class_of{0, 1, 2};
  FinetuneTask task(options, class_of, {.encoder = options.model_config.encoder, .num_classes = 3},
                    {.device = c10::kMeta, .type = at::kBFloat16});
  Batch batch;
  batch.count = 4;
  batch.global_indices = {4, 5, 6, 7};
  fill_batch(batch);
  EXPECT_NO_THROW(take_step_without_numbers(task, batch));
}

TEST(FinetuneTask, IsTrainedBySeveralProcessesAsByOne) {
  at::set_num_threads(1);
  const Trained alone = finetune_by_positions(nullptr);
  EXPECT_EQ(std::ranges::count_if(alone.tensors,
                                  [](const auto& item) { return item.first.starts_with("ema."); }),
            std::ssize(alone.tensors) / 2);
  EXPECT_NE(alone.losses.back(), alone.losses.front());
  const auto work = [&](ProcessGroup& group) {
    return difference(finetune_by_positions(&group), alone) < 1e-9;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

}  // namespace
}  // namespace convmae
