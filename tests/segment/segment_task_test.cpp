#include "convmae/segment/segment_task.h"

#include "convmae/data/sample.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "support/small_segmentor.h"
#include <cmath>
#include <string>
#include <vector>

namespace convmae {
namespace {

SegmentOptions small_options() {
  SegmentOptions options;
  options.segmentor = small_segmentor_config();
  options.model_config.encoder = options.segmentor.encoder;
  options.batch_size = 2;
  return options;
}

Batch some_batch(std::int64_t count = 2) {
  torch::manual_seed(4);
  constexpr std::int64_t kPixels = std::int64_t{48} * 64;
  std::vector<Sample> samples(static_cast<std::size_t>(count));
  for (Sample& sample : samples) {
    sample.size = sample.content = sample.original = {48, 64};
    const at::Tensor pixels = at::randn({3 * kPixels});
    sample.pixels.assign(pixels.const_data_ptr<float>(),
                         pixels.const_data_ptr<float>() + pixels.numel());
    const at::Tensor classes = at::randint(-1, 7, {kPixels}, at::kShort);
    sample.map = LabelMap{{classes.const_data_ptr<std::int16_t>(),
                           classes.const_data_ptr<std::int16_t>() + classes.numel()}};
  }
  Batch batch;
  batch.count = count;
  for (std::int64_t i = 0; i < count; ++i) batch.global_indices.push_back(i);
  batch.padded = std::make_shared<PaddedBatch>(pad_together(samples, 3));
  return batch;
}

double loss_of(SegmentTask& task) { return task.loss(some_batch()).total.item<double>(); }

at::Tensor running_mean(SegmentTask& task) {
  return task.module().named_buffers()["decode_head.bottleneck.bn.running_mean"];
}

TEST(SegmentTask, ItsLossIsTheSegmentorsOnTheLabels) {
  const SegmentOptions options = small_options();
  SegmentTask task(options, options.segmentor, {});
  randomise(task.module(), 1);
  const Batch batch = some_batch();
  const at::Tensor images = at::from_blob(batch.padded->pixels.data(), {2, 3, 48, 64});
  const at::Tensor labels = at::from_blob(batch.padded->maps.data(), {2, 48, 64}, at::kShort);
  const Loss expected =
      task.module().loss(images, labels, {options.seed, 0, {0, 1}}, {.ignored = -1});
  const Loss found = task.loss(batch);
  EXPECT_EQ(found.total.item<double>(), expected.total.item<double>());
  ASSERT_EQ(found.parts.size(), 2);
  EXPECT_EQ(found.parts[0].first, "decode_loss");
  EXPECT_EQ(found.parts[1].first, "aux_loss");
}

TEST(SegmentTask, StatisticsMoveWithStepsThatAreTaken) {
  const SegmentOptions options = small_options();
  SegmentTask task(options, options.segmentor, {});
  randomise(task.module(), 1);
  const at::Tensor before = running_mean(task).clone();
  loss_of(task);
  task.discard();
  task.commit();
  EXPECT_TRUE(at::equal(running_mean(task), before));
  loss_of(task);
  task.commit_if(at::zeros({}, at::kBool));
  EXPECT_TRUE(at::equal(running_mean(task), before));
  loss_of(task);
  task.commit();
  EXPECT_FALSE(at::equal(running_mean(task), before));
}

TEST(SegmentTask, WeighsClasses) {
  SegmentOptions options = small_options();
  options.loss_average = "valid";
  SegmentTask plain(options, options.segmentor, {});
  randomise(plain.module(), 1);
  EXPECT_TRUE(plain.further_state().tensors.empty());
  options.class_weights = "balanced";
  SegmentTask weighted(options, options.segmentor, {});
  randomise(weighted.module(), 1);
  weighted.set_class_weights(at::full({7}, 3.F));
  // A mean over weights does not see their scale.
  EXPECT_NEAR(loss_of(weighted), loss_of(plain), 1e-6);
  weighted.set_class_weights(at::tensor({5.F, 1.F, 1.F, 1.F, 1.F, 1.F, 0.F}));
  EXPECT_GT(std::abs(loss_of(weighted) - loss_of(plain)), 1e-4);
  // A checkpoint writes into them.
  const FurtherState state = weighted.further_state();
  ASSERT_EQ(state.tensors.size(), 1);
  state.tensors.front().second.fill_(3);
  EXPECT_NEAR(loss_of(weighted), loss_of(plain), 1e-6);
}

TEST(SegmentTask, ComputesTwiceWhatItDoesNotKeep) {
  SegmentOptions options = small_options();
  SegmentTask kept(options, options.segmentor, {});
  options.recompute = {1, 2, 3};
  SegmentTask recomputed(options, options.segmentor, {});
  for (SegmentTask* const task : {&kept, &recomputed}) {
    randomise(task->module(), 1);
    task->loss(some_batch()).total.backward();
  }
  const auto expected = kept.module().named_parameters();
  for (const auto& p : recomputed.module().named_parameters()) {
    EXPECT_TRUE(at::allclose(p.value().grad(), expected[p.key()].grad(), 1e-4, 1e-6)) << p.key();
  }
}

TEST(SegmentTask, TrainsWithThePublishedGroups) {
  const SegmentOptions options = small_options();
  SegmentTask task(options, options.segmentor, {});
  double smallest = 1;
  std::size_t parameters = 0;
  for (const ParamGroup& group : task.optimizer().groups()) {
    smallest = std::min(smallest, group.lr_scale);
    parameters += group.params.size();
  }
  EXPECT_DOUBLE_EQ(smallest, std::pow(0.75, 3));  // two transformer blocks
  EXPECT_EQ(parameters, task.module().parameters().size());
}

}  // namespace
}  // namespace convmae
