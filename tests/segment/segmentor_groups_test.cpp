#include "convmae/segment/segmentor_groups.h"

#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include <cmath>
#include <map>
#include <string>

namespace convmae {
namespace {

TEST(SegmentorGroups, LayersFollowFromNames) {
  EXPECT_EQ(layer_of_segmentor_parameter("backbone.pos_embed", 11), 0);
  EXPECT_EQ(layer_of_segmentor_parameter("backbone.patch_embed4.weight", 11), 0);
  EXPECT_EQ(layer_of_segmentor_parameter("backbone.blocks2.1.conv1.weight", 11), 0);
  EXPECT_EQ(layer_of_segmentor_parameter("backbone.blocks3.0.gamma_1", 11), 1);
  EXPECT_EQ(layer_of_segmentor_parameter("backbone.blocks3.10.attn.qkv.bias", 11), 11);
  for (const char* const rest :
       {"backbone.fpn.0.weight", "backbone.rel_pos_bias.relative_position_bias_table",
        "decode_head.conv_seg.weight", "auxiliary_head.convs.0.bn.bias"}) {
    EXPECT_EQ(layer_of_segmentor_parameter(rest, 11), 12) << rest;
  }
}

TEST(SegmentorGroups, TablesDecayAndVectorsDoNot) {
  const Segmentor segmentor(small_segmentor_config());
  struct Found {
    double decay;
    double scale;
  };
  std::map<std::string, Found> found;
  for (const ParamGroup& group : segmentor_groups(segmentor, 0.05, 0.5)) {
    for (const std::string& name : group.names) found[name] = {group.weight_decay, group.lr_scale};
  }
  EXPECT_EQ(found.size(), segmentor.named_parameters().size());
  const auto expect = [&](const char* name, double decay, double scale) {
    EXPECT_EQ(found.at(name).decay, decay) << name;
    EXPECT_DOUBLE_EQ(found.at(name).scale, scale) << name;
  };
  expect("backbone.pos_embed", 0.05, 0.125);
  expect("backbone.blocks3.1.attn.relative_position_bias_table", 0.05, 0.5);
  expect("backbone.blocks3.0.gamma_2", 0, 0.25);
  expect("decode_head.bottleneck.conv.weight", 0.05, 1);
  expect("decode_head.bottleneck.bn.weight", 0, 1);
  expect("auxiliary_head.conv_seg.bias", 0, 1);
}

}  // namespace
}  // namespace convmae
