#include "convmae/detect/detector_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/element_type.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/io/safetensors/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <unistd.h>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

DetectorConfig square_detector() {
  DetectorConfig config = small_detector("alpha");
  config.encoder.img_size = config.position_img_size = {64, 64};
  return config;
}

const std::vector<coco::Category> kAnimals{{7, "cat"}, {9, "dog"}, {12, "猫"}, {90, "owl"}};

CheckpointInfo info_of(const DetectorConfig& config) {
  CheckpointInfo info;
  info.model.encoder = config.encoder;
  info.preprocessing = {{0.1, 0.2, 0.3}, {0.4, 0.5, 0.6}, config.encoder.img_size};
  info.provenance = {{"epoch", 3}};
  info.task = task_of(config, kAnimals);
  return info;
}

class DetectorCheckpoint : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  /// The error that a description which was changed gives.
  std::string error_of(const std::function<void(CheckpointInfo&)>& change) {
    CheckpointInfo info = info_of(square_detector());
    change(info);
    const Detector detector(square_detector());
    save_weights(file_, detector, info);
    try {
      load_detector(file_);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_ = fs::temp_directory_path() / ("convmae_loaded_" + std::to_string(getpid()));
  fs::path file_ = folder_ / "weights.safetensors";
};

TEST_F(DetectorCheckpoint, HoldsTheDetectorAndWhatItsClassesAre) {
  Detector detector(square_detector());
  detector.initialise(5);
  save_weights(file_, detector, info_of(detector.config()));
  for (const fs::path& place : {file_, folder_}) {  // a run ends with such a file
    const LoadedDetector loaded = load_detector(place);
    EXPECT_EQ(to_json(loaded.detector->config()), to_json(detector.config()));
    EXPECT_FALSE(loaded.detector->is_training());
    EXPECT_TRUE(loaded.named);
    ASSERT_EQ(loaded.categories.size(), kAnimals.size());
    for (std::size_t i = 0; i < kAnimals.size(); ++i) {
      EXPECT_EQ(loaded.categories[i].id, kAnimals[i].id);
      EXPECT_EQ(loaded.categories[i].name, kAnimals[i].name);
    }
    EXPECT_EQ(loaded.preprocessing, info_of(detector.config()).preprocessing);
    const NamedTensors expected = named_tensors(detector);
    const NamedTensors found = named_tensors(*loaded.detector);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << found[i].first;
    }
  }
}

TEST_F(DetectorCheckpoint, IsRefusedIfItDescribesNone) {
  const auto error_of_task = [this](const std::function<void(nlohmann::ordered_json&)>& change) {
    return error_of([&](CheckpointInfo& info) { change(info.task); });
  };
  EXPECT_EQ(error_of([](CheckpointInfo&) {}), "");
  EXPECT_THAT(error_of_task([](auto& task) { task["kind"] = "classification"; }),
              HasSubstr("holds no detector"));
  EXPECT_THAT(error_of_task([](auto& task) { task.erase("detector"); }),
              HasSubstr("describes its detector badly"));
  EXPECT_THAT(error_of_task([](auto& task) { task["detector"]["window_size"] = 0; }),
              HasSubstr("window_size"));
  EXPECT_THAT(error_of_task([](auto& task) { task["detector"]["out_channels"] = 9; }),
              HasSubstr("has the shape"));
  EXPECT_THAT(error_of_task([](auto& task) { task["category_ids"].erase(0); }),
              HasSubstr("no list of names with an id each"));
  EXPECT_THAT(error_of_task([](auto& task) { task["category_ids"][0] = 1.5; }),
              HasSubstr("no whole number"));
  EXPECT_THAT(error_of_task([](auto& task) {
                task["category_ids"].erase(0);
                task["classes"].erase(0);
              }),
              HasSubstr("names 3 classes, but tells 4 apart"));
  EXPECT_THAT(error_of([](CheckpointInfo& info) {
                info.task["detector"]["img_size"] = {64, 96};
                info.task["detector"]["position_img_size"] = {64, 96};
              }),
              HasSubstr("its images are of"));
}

TEST_F(DetectorCheckpoint, OfOthersHasCocosClassesIfItHas80) {
  DetectorConfig config = detector_preset("alpha", "tiny");
  config.encoder.img_size = config.position_img_size = {256, 256};
  config.window.side = 8;
  config.out_channels = 8;
  config.proposals.conv_dims = {8};
  config.roi.box_conv_dims = {8};
  config.roi.box_fc_dims = {8};
  config.roi.mask_conv_dims = {8};
  for (const std::int64_t classes : {80, 3}) {
    config.num_classes = classes;
    const Detector detector(config);
    std::vector<TensorSource> sources;
    for (const auto& [name, tensor] : named_tensors(detector)) {
      const at::Tensor& own = tensor;
      sources.push_back({name, *weight_dtype_of(own.scalar_type()), own.sizes().vec(), [own] {
                           return std::span(static_cast<const std::byte*>(own.const_data_ptr()),
                                            own.nbytes());
                         }});
    }
    write_safetensors(file_, sources, {});
    const LoadedDetector loaded = load_detector(file_);
    EXPECT_EQ(to_json(loaded.detector->config()), to_json(config));
    EXPECT_EQ(loaded.preprocessing, default_preprocessing(3, {256, 256}));
    ASSERT_EQ(std::ssize(loaded.categories), classes);
    EXPECT_EQ(loaded.named, classes == 80);
    EXPECT_EQ(loaded.categories.back().id, classes == 80 ? 90 : 2);
    EXPECT_EQ(loaded.categories.back().name, classes == 80 ? "toothbrush" : "2");
  }
}

}  // namespace
}  // namespace convmae
