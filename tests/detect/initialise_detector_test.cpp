#include "convmae/detect/initialise_detector.h"

#include "convmae/detect/detector.h"
#include "convmae/detect/detector_groups.h"
#include "convmae/model/encoder/position_embedding.h"

#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <cmath>

namespace convmae {
namespace {

std::shared_ptr<Detector> initialised(const std::string& name, std::uint64_t seed) {
  auto detector = std::make_shared<Detector>(small_detector(name));
  detector->initialise(seed);
  return detector;
}

double largest(const Detector& detector, const std::string& name) {
  return detector.named_parameters()[name].detach().abs().max().item<double>();
}

double deviation(const Detector& detector, const std::string& name) {
  return detector.named_parameters()[name].detach().std().item<double>();
}

TEST(InitialiseDetector, DependsOnTheSeedAlone) {
  for (const std::string& name : detector_names()) {
    const auto a = initialised(name, 1);
    const auto b = initialised(name, 1);
    const auto c = initialised(name, 2);
    for (const auto& p : a->named_parameters()) {
      EXPECT_TRUE(at::equal(p.value(), b->named_parameters()[p.key()])) << p.key();
    }
    const char* const weight = "roi_heads.box_head.conv1.weight";
    EXPECT_FALSE(at::equal(a->named_parameters()[weight], c->named_parameters()[weight]));
  }
}

TEST(InitialiseDetector, HeadsHaveThePublishedDistributions) {
  for (const std::string& name : detector_names()) {
    const auto detector = initialised(name, 1);
    EXPECT_NEAR(deviation(*detector, "proposal_generator.rpn_head.conv.conv0.weight"), 0.01, 0.002);
    EXPECT_NEAR(deviation(*detector, "roi_heads.box_predictor.cls_score.weight"), 0.01, 0.003);
    EXPECT_NEAR(deviation(*detector, "roi_heads.box_predictor.bbox_pred.weight"), 1e-3, 3e-4);
    EXPECT_NEAR(deviation(*detector, "roi_heads.mask_head.predictor.weight"), 1e-3, 5e-4);
    const double fan_out = 9 * 6;
    EXPECT_NEAR(deviation(*detector, "roi_heads.box_head.conv2.weight"), std::sqrt(2 / fan_out),
                0.04);
    const double bound = std::sqrt(3.0 / (6 * 49));
    EXPECT_LE(largest(*detector, "roi_heads.box_head.fc1.weight"), bound);
    EXPECT_GE(largest(*detector, "roi_heads.box_head.fc1.weight"), 0.95 * bound);
    EXPECT_EQ(largest(*detector, "roi_heads.box_head.fc1.bias"), 0);
    EXPECT_EQ(largest(*detector, "roi_heads.mask_head.mask_fcn1.norm.weight"), 1);
  }
}

TEST(InitialiseDetector, EncodersStartAsPublished) {
  const auto alpha = initialised("alpha", 1);
  const std::string first = "backbone.bottom_up.";
  EXPECT_LE(largest(*alpha, first + "blocks3.0.attn.qkv.weight"), 0.02);
  EXPECT_GE(largest(*alpha, first + "blocks3.0.attn.qkv.weight"), 0.0195);
  EXPECT_NEAR(deviation(*alpha, first + "patch_embed1.proj.weight"), 1 / std::sqrt(48) / 0.88,
              0.02);
  EXPECT_EQ(largest(*alpha, first + "patch_embed1.proj.bias"), 0);
  EXPECT_EQ(largest(*alpha, first + "global_rel_pos_bias.relative_position_bias_table"), 0);
  EXPECT_TRUE(at::equal(alpha->named_parameters()[first + "pos_embed"].squeeze(0),
                        sincos_position_table(16, {4, 6}, false)));
  const double bound = std::sqrt(3.0 / (9 * 8));
  EXPECT_LE(largest(*alpha, "backbone.fpn_output2.weight"), bound);
  EXPECT_GE(largest(*alpha, "backbone.fpn_output2.weight"), 0.95 * bound);

  const auto official = initialised("official", 1);
  const std::string second = "backbone.net.";
  EXPECT_GT(largest(*official, second + "blocks3.0.attn.qkv.weight"), 0.04);
  EXPECT_NEAR(deviation(*official, second + "pos_embed"), 0.02, 0.005);
  EXPECT_GT(largest(*official, second + "patch_embed1.proj.bias"), 0);
  EXPECT_EQ(largest(*official, second + "blocks3.0.attn.rel_pos_h"), 0);
  EXPECT_LE(largest(*official, "backbone.simfp_3.2.weight"), 1 / std::sqrt(72.0));
  EXPECT_EQ(largest(*official, "backbone.simfp_2.1.weight"), 1);
}

TEST(DetectorGroups, DecayWhatThePublishedCodeDoes) {
  // PyTorch's own norms, biases, norms of detectron2's own, tables.
  EXPECT_FALSE(decays("backbone.net.blocks3.0.norm1.weight", false));
  EXPECT_FALSE(decays("backbone.net.patch_embed1.norm.bias", false));
  EXPECT_TRUE(decays("backbone.net.blocks3.0.attn.qkv.bias", false));
  EXPECT_TRUE(decays("backbone.net.blocks3.0.attn.rel_pos_h", false));
  EXPECT_TRUE(decays("backbone.simfp_2.1.weight", false));
  EXPECT_TRUE(decays("roi_heads.box_head.conv1.norm.weight", false));
  EXPECT_FALSE(decays("roi_heads.box_head.conv1.norm.weight", true));
  EXPECT_FALSE(decays("backbone.fpn_lateral2.norm.bias", true));
  EXPECT_FALSE(decays("backbone.net.pos_embed", false));
  EXPECT_FALSE(decays("backbone.bottom_up.global_rel_pos_bias.relative_position_bias_table", true));
  EXPECT_TRUE(decays("roi_heads.box_predictor.cls_score.bias", true));
}

TEST(DetectorGroups, HoldEveryTrainedParameterOnce) {
  for (const std::string& name : detector_names()) {
    const Detector detector(small_detector(name));
    std::set<std::string> names;
    for (const ParamGroup& group : detector_groups(detector, 0.1, 0.8, 3)) {
      for (std::size_t i = 0; i < group.names.size(); ++i) {
        EXPECT_TRUE(names.insert(group.names[i]).second);
        EXPECT_EQ(group.weight_decay > 0, decays(group.names[i], name == "alpha"));
        const auto layer = layer_of_detector_parameter(group.names[i], 3);
        EXPECT_DOUBLE_EQ(group.lr_scale, std::pow(0.8, 4 - static_cast<double>(layer)));
      }
    }
    std::size_t trained = 0;
    for (const at::Tensor& p : detector.parameters()) trained += p.requires_grad() ? 1 : 0;
    EXPECT_EQ(names.size(), trained);
    EXPECT_EQ(names.contains("backbone.bottom_up.pos_embed"), false);
  }
}

}  // namespace
}  // namespace convmae
