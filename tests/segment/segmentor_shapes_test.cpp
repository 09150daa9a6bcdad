#include "convmae/segment/segmentor_shapes.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include <string>
#include <vector>

namespace convmae {
namespace {

std::string described(const std::string& name, at::IntArrayRef shape) {
  std::string text = name;
  for (const std::int64_t side : shape) text += " " + std::to_string(side);
  return text;
}

std::vector<SegmentorConfig> configurations() {
  SegmentorConfig shared = small_segmentor_config();
  shared.relative_position = RelativePosition::shared;
  shared.layer_scale = 0;
  SegmentorConfig three = small_segmentor_config();
  three.relative_position = RelativePosition::none;
  three.maps = {0, 1, 2};
  SegmentorConfig least = small_segmentor_config();
  least.maps = {1};
  least.pool_scales = {};
  least.aux_channels = 0;
  SegmentorConfig fourth_for_the_auxiliary_head = small_segmentor_config();
  fourth_for_the_auxiliary_head.maps = {0, 2};
  fourth_for_the_auxiliary_head.aux_map = 3;
  return {small_segmentor_config(), shared, three, least, fourth_for_the_auxiliary_head};
}

TEST(SegmentorShapes, AreTheModels) {
  for (const SegmentorConfig& config : configurations()) {
    std::vector<std::string> listed;
    for_each_parameter(config, [&](const ParameterShape& parameter) {
      listed.push_back(described(parameter.name, parameter.shape));
    });
    const Segmentor segmentor(config);
    std::vector<std::string> held;
    for (const auto& p : segmentor.named_parameters()) {
      held.push_back(described(p.key(), p.value().sizes()));
    }
    for (const auto& b : segmentor.named_buffers()) {
      held.push_back(described(b.key(), b.value().sizes()));
    }
    EXPECT_EQ(listed, held);
  }
}

TEST(SegmentorShapes, PublishedFilesHaveAnIndexBehindEveryTable) {
  std::vector<std::string> indices;
  std::string before;
  for_each_tensor(small_segmentor_config(), [&](const SegmentorTensor& tensor) {
    if (tensor.kind == SegmentorTensor::Kind::index) {
      indices.push_back(described(tensor.name, tensor.shape));
      EXPECT_TRUE(before.ends_with("relative_position_bias_table")) << before;
    }
    before = tensor.name;
  });
  EXPECT_THAT(indices,
              testing::ElementsAre("backbone.blocks3.0.attn.relative_position_index 12 12",
                                   "backbone.blocks3.1.attn.relative_position_index 12 12"));
}

TEST(SegmentorShapes, RefuseTensorsThatNobodyCouldCount) {
  SegmentorConfig config = small_segmentor_config();
  config.channels = std::int64_t{1} << 40;
  EXPECT_THROW(for_each_tensor(config, [](const SegmentorTensor&) {}), UserError);
}

}  // namespace
}  // namespace convmae
