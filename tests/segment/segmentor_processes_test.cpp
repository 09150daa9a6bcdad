#include "convmae/model/dense/batch_norm.h"
#include "convmae/segment/segmentor.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/processes.h"
#include "support/shared_training.h"
#include "support/small_segmentor.h"

/// Several processes train the segmentor that one would.
namespace convmae {
namespace {

using testing::Each;

/// Labels that follow from the images [B, 3, H, W]; all pixels of every fifth sample are ignored.
at::Tensor labels_of_images(const at::Tensor& images, const Batch& batch) {
  const std::int64_t ignored = PixelLossOptions().ignored;
  at::Tensor labels = ((images.select(1, 0) + 1) * 3.5).floor().clamp(0, 6).to(at::kLong);
  labels.masked_fill_(images.select(1, 1) > 0.8, ignored);
  for (std::int64_t i = 0; i < batch.count; ++i) {
    if (batch.global_indices[static_cast<std::size_t>(i)] % 5 == 0) labels[i].fill_(ignored);
  }
  return labels;
}

Trained train_segmentor(const SharedTraining& training, ProcessGroup* group) {
  const SegmentorConfig config = small_segmentor_config();
  const auto segmentor = random_segmentor(config);
  segmentor->to(at::kDouble);
  set_process_group(*segmentor, group);
  ModuleTask task(segmentor, [&](const Batch& batch) {
    const at::Tensor images = images_at(batch, config.encoder.img_size);
    return segmentor->loss(images, labels_of_images(images, batch), batch_key_of(batch));
  });
  return train(training, task, group);
}

TEST(SegmentorProcesses, TrainWhatOneWould) {
  at::set_num_threads(1);
  for (const std::int64_t accum_iter : {1, 2}) {
    const SharedTraining training{.accum_iter = accum_iter};
    const Trained alone = train_segmentor(training, nullptr);
    EXPECT_LT(alone.losses.back(), alone.losses.front());
    const auto work = [&](ProcessGroup& group) {
      return difference(train_segmentor(training, &group), alone) < 1e-9;
    };
    EXPECT_THAT(run_processes(2, work), Each(0)) << accum_iter;
  }
}

TEST(SegmentorProcesses, TakePartWhereEverythingIsIgnored) {
  // With one image each, which alone would be too few.
  const auto work = [](ProcessGroup& group) {
    const auto segmentor = random_segmentor(small_segmentor_config());
    set_process_group(*segmentor, &group);
    const at::Tensor labels = at::full({1, 48, 64}, group.is_first() ? 255 : 3, at::kByte);
    const at::Tensor images = at::full({1, 3, 48, 64}, group.rank(), at::kFloat);
    const Loss loss = segmentor->loss(images, labels, {5, 0, {group.rank()}});
    loss.total.backward();
    bool well = (loss.total.item<float>() == 0) == group.is_first();
    for (const at::Tensor& parameter : segmentor->parameters()) {
      well = well && (!parameter.requires_grad() || parameter.grad().defined());
    }
    return well;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

}  // namespace
}  // namespace convmae
