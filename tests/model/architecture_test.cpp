#include "convmae/model/architecture.h"

#include "convmae/base/error.h"
#include "convmae/model/autoencoder/pretrain_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>
#include <vector>

namespace convmae {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct OwnedShape {
  std::string name;
  std::vector<std::int64_t> shape;
};
using OwnedShapes = std::vector<OwnedShape>;

std::optional<Architecture> infer(const OwnedShapes& weights) {
  std::vector<NamedShape> shapes;
  for (const OwnedShape& weight : weights) shapes.push_back({weight.name, weight.shape});
  return architecture_of(shapes);
}

OwnedShapes published(const std::string& model) {
  std::ifstream stream(CONVMAE_SOURCE_DIR "/tests/golden/keys_models.json");
  const auto models = nlohmann::json::parse(stream);
  OwnedShapes weights;
  for (const auto& entry : models.at(model).at("state_dict")) {
    weights.push_back({entry.at(0), entry.at(1)});
  }
  return weights;
}

OwnedShapes weights_of(const ModelConfig& config) {
  OwnedShapes weights;
  for (const auto& item : make_pretrain_model(config)->named_parameters()) {
    weights.push_back({item.key(), item.value().sizes().vec()});
  }
  return weights;
}

OwnedShapes with_prefix(OwnedShapes weights, const std::string& prefix) {
  for (OwnedShape& weight : weights) weight.name = prefix + weight.name;
  return weights;
}

TEST(Architecture, PublishedPretrainingModel) {
  const auto found = infer(published("convmae_convvit_base_patch16 (pretrain)"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->encoder, EncoderKind::conv_vit);
  EXPECT_EQ(found->preset, "base");
  EXPECT_EQ(found->in_chans, 3);
  EXPECT_THAT(found->patch_size, ElementsAre(4, 2, 2));
  EXPECT_THAT(found->embed_dim, ElementsAre(256, 384, 768));
  EXPECT_THAT(found->depth, ElementsAre(2, 2, 11));
  EXPECT_THAT(found->mlp_ratio, ElementsAre(4, 4, 4));
  EXPECT_THAT(found->kernel_size, ElementsAre(5, 5));
  EXPECT_EQ(found->positions, 196);
  EXPECT_FALSE(found->class_token);
  EXPECT_TRUE(found->fusion);
  ASSERT_TRUE(found->decoder.has_value());
  EXPECT_EQ(found->decoder->dim, 512);
  EXPECT_EQ(found->decoder->depth, 8);
  EXPECT_EQ(found->decoder->mlp_ratio, 4);
  EXPECT_THAT(found->heads, IsEmpty());
}

TEST(Architecture, PublishedHeads) {
  const auto heads = [](const char* model) { return infer(published(model))->heads; };
  EXPECT_THAT(heads("convvit_base_patch16 (finetune, global_pool=True)"),
              ElementsAre("classification (1000 classes)"));
  EXPECT_THAT(heads("convvit_base_patch16 (linprobe, global_pool=False)"),
              ElementsAre("linear probe (1000 classes)"));
  EXPECT_FALSE(infer(published("convvit_base_patch16 (finetune, global_pool=True)"))->decoder);
}

TEST(Architecture, PublishedMae) {
  const auto found = infer(published("mae_vit_base_patch16 (pretrain)"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->encoder, EncoderKind::vit);
  EXPECT_TRUE(found->class_token);
  EXPECT_EQ(found->positions, 196);
  EXPECT_THAT(found->patch_size, ElementsAre(16));
  EXPECT_THAT(found->depth, ElementsAre(12));
  EXPECT_EQ(found->decoder->depth, 8);
}

TEST(Architecture, EveryModelOfOursIsRecognisedFromItsWeights) {
  for (const Method method : {Method::convmae, Method::mae}) {
    for (const std::string& name : model_preset_names()) {
      if (name == "large" || name == "huge") continue;
      const ModelConfig config = model_preset(name, method);
      const auto found = infer(weights_of(config));
      ASSERT_TRUE(found.has_value()) << name;
      EXPECT_EQ(found->preset, name);
      EXPECT_EQ(pretrain_config_of(*found), config);
    }
  }
}

TEST(Architecture, OtherSizesComeFromTheShapes) {
  ModelConfig config = model_preset("nano", Method::convmae);
  config.encoder.img_size = {56, 56};
  config.encoder.in_chans = 5;
  config.encoder.patch_size = {1, 2, 2};
  config.encoder.depth = {1, 3, 2};
  config.encoder.mlp_ratio = {2, 3, 1.5};
  config.encoder.kernel_size = {7, 3};
  config.decoder.depth = 1;
  const auto found = infer(weights_of(config));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->preset, "");
  EXPECT_EQ(pretrain_config_of(*found), config);
}

TEST(Architecture, BackbonesOfDetectorsAndSegmentors) {
  OwnedShapes backbone = weights_of(model_preset("nano", Method::convmae));
  OwnedShapes weights = with_prefix(backbone, "backbone.bottom_up.");
  weights.push_back({"roi_heads.box_predictor.cls_score.weight", {81, 1024}});
  weights.push_back({"roi_heads.mask_head.predictor.weight", {80, 256, 1, 1}});
  weights.push_back(
      {"backbone.bottom_up.global_rel_pos_bias.relative_position_bias_table", {9, 6}});
  auto found = infer(weights);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->prefix, "backbone.bottom_up.");
  EXPECT_EQ(found->relative_position, "shared");
  EXPECT_EQ(found->num_heads, 6);
  EXPECT_THAT(found->heads, ElementsAre("detection (Mask R-CNN, 80 classes)"));

  weights = with_prefix(backbone, "backbone.");
  weights.push_back({"decode_head.conv_seg.weight", {150, 768, 1, 1}});
  weights.push_back({"auxiliary_head.conv_seg.weight", {150, 256, 1, 1}});
  weights.push_back({"backbone.blocks3.0.attn.relative_position_bias_table", {9, 6}});
  weights.push_back({"backbone.blocks3.0.gamma_1", {192}});
  found = infer(weights);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->relative_position, "per block");
  EXPECT_TRUE(found->layer_scale);
  EXPECT_THAT(found->heads, ElementsAre("segmentation (150 classes)", "auxiliary segmentation"));

  weights = with_prefix(backbone, "backbone.net.");
  weights.push_back({"backbone.net.blocks3.0.attn.rel_pos_h", {27, 32}});
  found = infer(weights);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->relative_position, "decomposed");
  EXPECT_EQ(found->num_heads, 6);
}

TEST(Architecture, RelativePositionsTellTheGridAndTheHeads) {
  ModelConfig config = model_preset("nano", Method::convmae);
  config.encoder.img_size = {80, 80};
  config.encoder.num_heads = 3;
  config.encoder.position = PositionEncoding::relative;
  const auto found = infer(weights_of(config));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->distances, 81);
  EXPECT_EQ(found->position(), PositionEncoding::relative);
  EXPECT_EQ(pretrain_config_of(*found), config);
  // With a table of absolute positions beside them they are the segmentor's.
  OwnedShapes both = weights_of(config);
  both.push_back({"pos_embed", {1, 25, 192}});
  EXPECT_EQ(infer(both)->position(), PositionEncoding::sincos);
  config.encoder.img_size = {32, 80};
  EXPECT_THROW(pretrain_config_of(*infer(weights_of(config))), UserError);
}

TEST(Architecture, AClassTokenIsNotAPosition) {
  OwnedShapes weights = weights_of(model_preset("nano", Method::convmae));
  for (OwnedShape& weight : weights) {
    if (weight.name == "pos_embed") weight.shape = {1, 197, 192};
  }
  weights.push_back({"cls_token", {1, 1, 192}});
  const auto found = infer(weights);
  EXPECT_TRUE(found->class_token);
  EXPECT_EQ(found->positions, 196);
}

TEST(Architecture, OtherModelsAreUnknown) {
  EXPECT_FALSE(infer({}).has_value());
  EXPECT_FALSE(infer({{"conv1.weight", {64, 3, 7, 7}}}).has_value());
  EXPECT_FALSE(infer({{"patch_embed1.proj.weight", {64, 3, 7, 7}}}).has_value());
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {8}, {8, 3, 4, 5}, {0, 3, 4, 4}, {8, 3, 0, 0}}) {
    EXPECT_FALSE(infer({{"patch_embed.proj.weight", shape}}).has_value());
  }
}

TEST(Architecture, WhatShapesDoNotTellIsNotGuessed) {
  const auto message = [](const OwnedShapes& weights) -> std::string {
    try {
      pretrain_config_of(*infer(weights));
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message(published("convvit_base_patch16 (finetune, global_pool=True)")),
              HasSubstr("encoder alone"));
  ModelConfig config = model_preset("nano", Method::convmae);
  config.encoder.embed_dim = {8, 12, 20};
  config.encoder.num_heads = 5;
  EXPECT_THAT(message(weights_of(config)), HasSubstr("attention heads"));
  config = model_preset("nano", Method::convmae);
  config.encoder.img_size = {64, 96};
  EXPECT_THAT(message(weights_of(config)), HasSubstr("no square image"));
  OwnedShapes huge = weights_of(model_preset("nano", Method::convmae));
  for (OwnedShape& weight : huge) {
    if (weight.name.ends_with("proj.weight") && weight.shape.size() == 4) {
      weight.shape[2] = weight.shape[3] = std::int64_t{1} << 40;
    }
  }
  EXPECT_THAT(message(huge), HasSubstr("no square image"));
}

}  // namespace
}  // namespace convmae
