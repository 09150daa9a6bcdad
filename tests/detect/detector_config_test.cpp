#include "convmae/detect/detector_config.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/small_detectors.h"
#include <functional>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(DetectorConfig, PresetsAreThePublishedDetectors) {
  const DetectorConfig alpha = detector_preset("alpha");
  EXPECT_THAT(alpha.windowed_blocks, ElementsAre(1, 2, 4, 5, 7, 8, 9));
  EXPECT_EQ(*backbone_config(alpha).position_grid, (Size{64, 64}));
  EXPECT_THAT(level_strides(alpha), ElementsAre(4, 8, 16, 32, 64));
  EXPECT_EQ(mask_size(alpha), 28);
  const DetectorConfig official = detector_preset("official");
  EXPECT_THAT(official.windowed_blocks, ElementsAre(0, 2, 3, 5, 6, 8, 9));
  EXPECT_EQ(*backbone_config(official).position_grid, (Size{14, 14}));
  EXPECT_THAT(error_of([] { detector_preset("swin"); }), HasSubstr("alpha or official"));
}

TEST(DetectorConfig, OtherDepthsHaveFourGlobalBlocksToo) {
  EXPECT_THAT(detector_preset("alpha", "nano").windowed_blocks, ElementsAre());
  EXPECT_THAT(detector_preset("official", "tiny").windowed_blocks, ElementsAre(1, 4));
  EXPECT_EQ(detector_preset("alpha", "large").windowed_blocks.size(), 19U);
  for (const std::string& model : model_preset_names()) {
    for (const std::string& name : detector_names()) validate(detector_preset(name, model));
  }
}

TEST(DetectorConfig, JsonKeepsEverything) {
  for (const std::string& name : detector_names()) {
    DetectorConfig config = small_detector(name);
    config.roi.masks = false;
    config.proposals.anchor_offset = 0.5;
    config.window.shift = 1;
    config.smooth_l1_beta = 1.0 / 9;
    EXPECT_EQ(detector_config_from_json(to_json(config)), config);
  }
}

TEST(DetectorConfig, JsonThatDescribesNoneIsRefused) {
  const std::string text = to_json(small_detector("alpha"));
  const auto changed = [&](const char* key, const nlohmann::ordered_json& value) {
    auto json = nlohmann::ordered_json::parse(text);
    if (value.is_null()) {
      json.erase(key);
    } else {
      json[key] = value;
    }
    return error_of([&] { detector_config_from_json(json.dump()); });
  };
  EXPECT_THAT(changed("pyramid", "steep"), HasSubstr("'steep': expected one of feature, simple"));
  EXPECT_THAT(changed("roi_batch", 1.5), HasSubstr("no usable roi_batch"));
  EXPECT_THAT(changed("roi_batch", nullptr), HasSubstr("has no roi_batch"));
  EXPECT_THAT(changed("img_size", {1, 2, 3}), HasSubstr("img_size is not two numbers"));
  EXPECT_THAT(changed("colour", 1), HasSubstr("unknown key 'colour'"));
  EXPECT_THAT(error_of([] { detector_config_from_json("[]"); }), HasSubstr("not a JSON object"));
}

TEST(DetectorConfig, WhatMakesNoDetectorIsRefused) {
  struct Case {
    const char* expected;
    std::function<void(DetectorConfig&)> spoil;
  };
  const std::vector<Case> cases{
      {"multiples of 32",
       [](auto& c) {
         c.encoder.img_size = {64, 48};
       }},
      {"windows of 3 do not divide", [](auto& c) { c.window.side = 3; }},
      {"window_shift must lie between", [](auto& c) { c.window.shift = 2; }},
      {"padded are not shifted",
       [](auto& c) {
         c.window = {2, true, 1};
       }},
      {"windowed_blocks has a block more",
       [](auto& c) {
         c.windowed_blocks = {1, 1};
       }},
      {"windowed_blocks must lie between 0 and 2", [](auto& c) { c.windowed_blocks = {3}; }},
      {"ends in 2, 2",
       [](auto& c) {
         c.encoder.patch_size = {4, 4, 1};
       }},
      {"anchor_sizes takes 5", [](auto& c) { c.proposals.anchor_sizes = {8}; }},
      {"anchor_sizes must be above 0", [](auto& c) { c.proposals.anchor_sizes[1] = 0; }},
      {"aspect_ratios", [](auto& c) { c.proposals.aspect_ratios.clear(); }},
      {"rpn_thresholds must not fall",
       [](auto& c) {
         c.proposals.thresholds = {0.7, 0.3};
       }},
      {"rpn_conv_dims", [](auto& c) { c.proposals.conv_dims.clear(); }},
      {"post_nms_topk takes 2", [](auto& c) { c.proposals.post_nms_topk = {100}; }},
      {"roi_batch must be between 1", [](auto& c) { c.roi.batch = 0; }},
      {"box_fc_dims", [](auto& c) { c.roi.box_fc_dims.clear(); }},
      {"mask_conv_dims", [](auto& c) { c.roi.mask_conv_dims.clear(); }},
      {"roi_bbox_weights takes 4", [](auto& c) { c.roi.bbox_weights = {1}; }},
      {"nms_thresh must lie between", [](auto& c) { c.detection.nms_thresh = 1.5; }},
      {"num_classes", [](auto& c) { c.num_classes = 0; }},
      {"smooth_l1_beta", [](auto& c) { c.smooth_l1_beta = -1; }},
  };
  for (const Case& entry : cases) {
    DetectorConfig config = small_detector("alpha");
    validate(config);
    entry.spoil(config);
    EXPECT_THAT(error_of([&] { validate(config); }), HasSubstr(entry.expected));
  }
}

}  // namespace
}  // namespace convmae
