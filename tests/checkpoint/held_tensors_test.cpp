#include "convmae/checkpoint/held_tensors.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/features/feature_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <functional>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class HeldTensorsTest : public testing::Test {
 protected:
  using Change = std::function<void(CheckpointInfo&)>;

  /// The tiny model's tensors, described as something else.
  void write(const Change& change) const {
    CheckpointInfo info = tiny_info();
    change(info);
    write_checkpoint(file_, CheckpointKind::weights, named_tensors(*tiny_model(1)), info, {});
  }
  void expect_refused(const Change& change, const std::string& fragment) const {
    write(change);
    const auto refused = ThrowsMessage<UserError>(HasSubstr(fragment));
    EXPECT_THAT([&] { load_model(file_); }, refused);
    EXPECT_THAT([&] { FeatureModel::load(file_); }, refused);
    EXPECT_THAT([&] { encoder_settings(file_); }, refused);
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "w.safetensors";
};

TEST_F(HeldTensorsTest, WhatIsHeldIsTaken) {
  write([](CheckpointInfo&) {});
  EXPECT_NO_THROW(load_model(file_));
  EXPECT_NO_THROW(FeatureModel::load(file_));
  EXPECT_NO_THROW(encoder_settings(file_));
  EXPECT_NO_THROW(expect_model(WeightFile(file_), tiny_info()));
}

TEST_F(HeldTensorsTest, ADescriptionOfMoreIsRefused) {
  const std::int64_t width = std::int64_t{1} << 18;
  expect_refused([](CheckpointInfo& i) { i.model.encoder.depth[2] = 10000; },
                 "lacks the tensor 'blocks3.1");
  expect_refused(
      [&](CheckpointInfo& i) {
        i.model.encoder.embed_dim = {width, width, width};
      },
      "shape");
  expect_refused([](CheckpointInfo& i) { i.model.encoder.mlp_ratio[1] = 80000; }, "shape");
  expect_refused(
      [](CheckpointInfo& i) {
        i.model.encoder.in_chans = 1, i.preprocessing.mean = {0.5}, i.preprocessing.std = {0.5};
      },
      "shape");
}

TEST_F(HeldTensorsTest, ANonsensicalDescriptionIsRefused) {
  const std::int64_t half = std::int64_t{1} << 32;
  expect_refused([](CheckpointInfo& i) { i.model.encoder.depth = {}; }, "depth takes 3 numbers");
  expect_refused([](CheckpointInfo& i) { i.model.encoder.patch_size = {4}; },
                 "patch_size takes 3 numbers");
  expect_refused(
      [&](CheckpointInfo& i) {
        i.model.encoder.patch_size = {half, half, 1};
      },
      "counting");
  expect_refused([](CheckpointInfo& i) { i.model.encoder.mlp_ratio[0] = 0; }, "mlp_ratio");
  expect_refused([](CheckpointInfo& i) { i.model.encoder.mlp_ratio[2] = 1e300; }, "mlp_ratio");
  expect_refused([](CheckpointInfo& i) { i.model.encoder.kernel_size = {5, 4}; }, "kernel_size");
  expect_refused([](CheckpointInfo& i) { i.model.encoder.num_heads = 0; }, "num_heads");
  expect_refused([&](CheckpointInfo& i) { i.model.encoder.depth[2] = half; }, "depth must be");
}

TEST_F(HeldTensorsTest, ImagesOfAnotherSizeThanTheTableAreRefusedUnlessItCanBeMade) {
  const auto sized = [](std::int64_t side) {
    return [side](CheckpointInfo& i) {
      i.model.encoder.img_size = i.preprocessing.size = {side, side};
    };
  };
  expect_refused(sized(32768), "over 67108864 numbers");
  write(sized(4096));
  EXPECT_THAT([&] { load_model(file_); }, ThrowsMessage<UserError>(HasSubstr("pos_embed")));
  write(sized(64));
  EXPECT_NO_THROW(FeatureModel::load(file_));
  EXPECT_THAT([&] { load_model(file_); }, ThrowsMessage<UserError>(HasSubstr("pos_embed")));
}

TEST_F(HeldTensorsTest, PreprocessingThatDoesNotFitTheModelIsRefused) {
  expect_refused(
      [](CheckpointInfo& i) {
        i.preprocessing.size = {32768, 32768};
      },
      "its model takes");
  expect_refused([](CheckpointInfo& i) { i.preprocessing.mean = {0.5}; }, "1 means");
  expect_refused([](CheckpointInfo& i) { i.preprocessing.std[1] = 0; }, "no numbers to normalise");
  expect_refused([](CheckpointInfo& i) { i.preprocessing.std[1] = 1e-300; }, "no numbers");
  expect_refused([](CheckpointInfo& i) { i.preprocessing.mean[2] = 1e300; }, "no numbers");
}

TEST_F(HeldTensorsTest, DecodersAreRefusedByWhoeverMakesOne) {
  for (const Change& change : {
           Change([](CheckpointInfo& i) { i.model.decoder.depth = 5000; }),
           Change([](CheckpointInfo& i) { i.model.decoder.embed_dim = 1 << 20; }),
           Change([](CheckpointInfo& i) { i.model.decoder.embed_dim = 0; }),
           Change([](CheckpointInfo& i) { i.model.decoder.embed_dim = -16; }),
           Change([](CheckpointInfo& i) { i.model.decoder.depth = -1; }),
       }) {
    write(change);
    EXPECT_THROW(load_model(file_), UserError);
    EXPECT_NO_THROW(FeatureModel::load(file_)) << "which has no use for it";
  }
}

TEST_F(HeldTensorsTest, ClassifiersAreComparedToo) {
  ClassifierConfig config{tiny_config().encoder, Pool::mean, ClassifierHead::linear, 2};
  Classifier classifier(config);
  classifier.initialise(1);
  const auto write_task = [&](const nlohmann::ordered_json& task) {
    CheckpointInfo info = tiny_info();
    info.task = task;
    write_checkpoint(file_, CheckpointKind::weights, named_tensors(classifier), info, {});
  };
  nlohmann::ordered_json task = task_of(config, {"a", "b"});
  write_task(task);
  EXPECT_NO_THROW(load_classifier(file_));
  task["classes"] = std::vector<std::string>(100000, "");
  write_task(task);
  EXPECT_THAT([&] { load_classifier(file_); }, ThrowsMessage<UserError>(HasSubstr("head.weight")));
  for (const auto& classes : {nlohmann::ordered_json(1), nlohmann::ordered_json({1, 2}),
                              nlohmann::ordered_json(nullptr)}) {
    task["classes"] = classes;
    write_task(task);
    EXPECT_THAT([&] { load_classifier(file_); }, ThrowsMessage<UserError>(HasSubstr("badly")));
  }
  task["kind"] = 5;
  write_task(task);
  EXPECT_THAT([&] { load_classifier(file_); },
              ThrowsMessage<UserError>(HasSubstr("no classifier")));
}

}  // namespace
}  // namespace convmae
