#include "convmae/segment/segmentor_cost.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include <map>
#include <string>

namespace convmae {
namespace {

/// 135 and 475 billion multiply-accumulates, 160,175,664 parameters.
TEST(SegmentorCost, IsThePublishedModels) {
  std::int64_t encoder = 0;
  std::int64_t head = 0;
  for (const LayerCost& layer : layer_costs(segmentor_preset("base"))) {
    EXPECT_EQ(layer.dense_macs, layer.visible_macs);
    if (layer.name.starts_with("decode_head.")) head += layer.dense_macs;
    if (layer.name.starts_with("backbone.") && !layer.name.starts_with("backbone.fpn.")) {
      encoder += layer.dense_macs;
    }
    if (layer.name.starts_with("auxiliary_head.")) {
      EXPECT_EQ(layer.dense_macs, 0);
      EXPECT_GT(layer.parameters, 0);
    }
  }
  constexpr double kBillion = 1e9;
  EXPECT_NEAR(static_cast<double>(encoder) / kBillion, 135, 0.5);
  EXPECT_NEAR(static_cast<double>(head) / kBillion, 475, 0.5);
  const LayerCost total = total_cost(layer_costs(segmentor_preset("base")));
  EXPECT_EQ(total.parameters, 160175664);
  EXPECT_EQ(total.trainable, total.parameters);
}

TEST(SegmentorCost, CountsEachLayerOnce) {
  const SegmentorConfig config = small_segmentor_config();
  std::map<std::string, LayerCost> layers;
  for (const LayerCost& layer : layer_costs(config)) {
    EXPECT_TRUE(layers.emplace(layer.name, layer).second) << layer.name;
  }
  EXPECT_EQ(layers.at("decode_head.psp_modules.3").dense_macs, 36 * 16 * 5);
  EXPECT_EQ(layers.at("decode_head.lateral_convs.1").dense_macs, 6 * 8 * 10 * 5);
  EXPECT_EQ(layers.at("decode_head.conv_seg").dense_macs, 12 * 16 * 5 * 7);
  EXPECT_EQ(layers.at("backbone.fpn.0").dense_macs, 1 * 1 * 16 * 16 * 9);
  // qkv, proj and MLP at 12 tokens, and the two products of attention.
  EXPECT_EQ(layers.at("backbone.blocks3.1").dense_macs,
            12 * (3 + 1 + 2 + 2) * 16 * 16 + 2 * 12 * 12 * 16);
}

TEST(SegmentorCost, BeyondAllNumbersIsAnError) {
  SegmentorConfig config = small_segmentor_config();
  config.channels = std::int64_t{1} << 40;
  EXPECT_THROW(layer_costs(config), UserError);
}

}  // namespace
}  // namespace convmae
