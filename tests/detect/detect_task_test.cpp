#include "convmae/detect/detect_task.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <map>
#include <memory>
#include <string>
#include <variant>

namespace convmae {
namespace {

using testing::ElementsAre;

DetectOptions small_options(const std::string& name) {
  DetectOptions options;
  options.detector = small_detector(name);
  options.detector.encoder.img_size = {64, 64};
  if (name == "alpha") options.detector.position_img_size = {64, 64};
  options.preset = name;
  options.threads = 1;
  resolve(options);
  return options;
}

/// Two images, of which the second shows nothing.
Batch some_batch() {
  Batch batch;
  batch.epoch = 1;
  batch.count = 2;
  batch.global_indices = {6, 7};
  batch.padded = std::make_shared<PaddedBatch>();
  batch.padded->size = {64, 64};
  batch.padded->contents = {{64, 64}, {48, 64}};
  const at::Tensor pixels = at::sin(at::arange(2 * 3 * 64 * 64, at::kFloat));
  batch.padded->pixels.assign(pixels.const_data_ptr<float>(),
                              pixels.const_data_ptr<float>() + pixels.numel());
  batch.padded->objects.resize(2);
  batch.padded->objects[0] = {{{8, 8, 32, 20}, {30, 4, 20.5, 50}},
                              {1, 3},
                              {std::vector<Polygon>{{8, 8, 40, 8, 40, 28, 8, 28}}, ObjectMask()}};
  return batch;
}

std::map<std::string, at::Tensor> statistics(Detector& detector) {
  std::map<std::string, at::Tensor> found;
  for (const auto& buffer : detector.named_buffers()) {
    found[buffer.key()] = buffer.value().clone();
  }
  return found;
}

TEST(TrainingRecipe, IsThatOfThePublishedDetector) {
  DetectOptions options = small_options("alpha");
  options.jitter = {0.3, 1.5};
  GeometryRecipe recipe = training_recipe(options);
  ASSERT_EQ(recipe.size(), 3);
  EXPECT_EQ(std::get<ResizeScale>(recipe[0]).smallest, 0.3);
  EXPECT_EQ(std::get<ResizeScale>(recipe[0]).largest, 1.5);
  EXPECT_TRUE(std::get<FixedSizeCrop>(recipe[1]).pad);
  EXPECT_TRUE(std::holds_alternative<RandomMirror>(recipe[2]));
  recipe = training_recipe(small_options("official"));
  ASSERT_EQ(recipe.size(), 3);
  EXPECT_TRUE(std::holds_alternative<RandomMirror>(recipe[0]));
  EXPECT_TRUE((std::get<ResizeScale>(recipe[1]).target == Size{64, 64}));
  EXPECT_FALSE(std::get<FixedSizeCrop>(recipe[2]).pad);
  options.flip = false;
  EXPECT_EQ(training_recipe(options).size(), 2);
}

TEST(TargetsOf, ObjectsAreTheirCornersClassesAndMasks) {
  const ObjectTargets targets = targets_of(some_batch().padded->objects[0]);
  EXPECT_TRUE(at::equal(targets.boxes,
                        at::tensor({8.F, 8.F, 40.F, 28.F, 30.F, 4.F, 50.5F, 54.F}).view({2, 4})));
  EXPECT_TRUE(at::equal(targets.classes, at::tensor({1, 3}, at::kLong)));
  ASSERT_EQ(targets.masks.size(), 2);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(targets.masks[1]));
  EXPECT_EQ(targets_of({}).boxes.sizes(), (at::IntArrayRef{0, 4}));
}

TEST(DetectTask, MinimisesTheSumOfItsParts) {
  for (const std::string name : {"alpha", "official"}) {
    const DetectOptions options = small_options(name);
    DetectTask task(options, {});
    task.module().initialise(4);
    const Loss loss = task.loss(some_batch());
    std::vector<std::string> names;
    double sum = 0;
    for (const auto& [part, value] : loss.parts) {
      names.push_back(part);
      sum += value.item<double>();
    }
    EXPECT_THAT(names, ElementsAre("loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg",
                                   "loss_mask"));
    EXPECT_NEAR(loss.total.item<double>(), sum, 1e-5 * sum);
    EXPECT_EQ(task.loss(some_batch()).total.item<double>(), loss.total.item<double>());
  }
}

TEST(DetectTask, StatisticsMoveWithStepsThatAreTaken) {
  const DetectOptions options = small_options("alpha");
  DetectTask task(options, {});
  task.module().initialise(4);
  task.module().train();
  const std::map<std::string, at::Tensor> before = statistics(task.module());
  const auto moved = [&] {
    std::int64_t count = 0;
    for (const auto& [name, value] : statistics(task.module())) {
      count += static_cast<std::int64_t>(!at::equal(value, before.at(name)));
    }
    return count;
  };
  task.loss(some_batch());
  task.discard();
  task.loss(some_batch());
  task.commit_if(at::zeros({}, at::kBool));
  EXPECT_EQ(moved(), 0);
  task.loss(some_batch());
  task.commit();
  EXPECT_EQ(moved(), std::ssize(before));
}

TEST(DetectTask, GroupsAreThePublishedOnes) {
  DetectOptions options = small_options("official");
  options.layer_decay = 0.5;
  DetectTask task(options, {});
  for (const ParamGroup& group : task.optimizer().groups()) {
    for (const std::string& name : group.names) {
      if (name == "backbone.net.patch_embed1.proj.bias") {
        EXPECT_EQ(group.lr_scale, 0.0625);  // four layers below the top
        EXPECT_EQ(group.weight_decay, 0.1);
      }
      if (name == "backbone.net.norm.weight") {
        EXPECT_EQ(group.weight_decay, 0);
      }
      if (name == "roi_heads.box_head.fc1.weight") {
        EXPECT_EQ(group.lr_scale, 1);
      }
    }
  }
}

}  // namespace
}  // namespace convmae
