#include "convmae/optim/param_groups.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

class Sample : public torch::nn::Module {
 public:
  Sample() {
    register_parameter("mask_token", at::zeros({1, 1, 8}));
    register_parameter("pos_embed", at::zeros({1, 4, 8}), /*requires_grad=*/false);
    const auto layer = std::make_shared<torch::nn::Module>();
    register_module("layer", layer);
    layer->register_parameter("weight", at::zeros({8, 8}));
    layer->register_parameter("bias", at::zeros({1, 8}));
    const auto norm = std::make_shared<torch::nn::Module>();
    register_module("norm", norm);
    norm->register_parameter("weight", at::zeros({8}));
  }
};

TEST(WeightDecayGroups, ArePublishedOnes) {
  const std::vector<ParamGroup> groups = weight_decay_groups(Sample(), 0.05);
  ASSERT_EQ(groups.size(), 2);
  EXPECT_EQ(groups[0].weight_decay, 0);
  EXPECT_THAT(groups[0].names, testing::ElementsAre("layer.bias", "norm.weight"));
  EXPECT_EQ(groups[1].weight_decay, 0.05);
  EXPECT_THAT(groups[1].names, testing::ElementsAre("mask_token", "layer.weight"));
  EXPECT_EQ(groups[1].lr_scale, 1);
}

TEST(LayerOfParameter, KnowsThePublishedNames) {
  for (const char* const name : {"pos_embed", "cls_token", "patch_embed.proj.weight",
                                 "patch_embed4.bias", "blocks1.1.conv1.weight", "blocks2.0.x"}) {
    EXPECT_EQ(layer_of_parameter(name, 12), 0) << name;
  }
  EXPECT_EQ(layer_of_parameter("blocks3.0.attn.qkv.weight", 12), 1);
  EXPECT_EQ(layer_of_parameter("blocks.11.norm1.bias", 12), 12);
  for (const char* const name : {"norm.weight", "fc_norm.bias", "head.weight", "head.1.bias"}) {
    EXPECT_EQ(layer_of_parameter(name, 12), 13) << name;
  }
}

/// A rate that nobody chose would train it at another pace than its neighbours.
TEST(LayerOfParameter, RefusesNamesThatItDoesNotKnow) {
  for (const char* const name :
       {"", "mask_token", "rel_pos_bias.table", "blocks4.0.norm1.weight", "blocks3.norm.weight",
        "blocks3.x.weight", "blocks3.1x.weight", "blocks3.12.norm1.weight", "blocks.-1.weight",
        "blocks3.", "patch_embed5.bias", "patch_embedding.weight", "pos_embed_2", "heads.weight",
        "stage1_output_decode.weight", "encoder.norm.weight"}) {
    EXPECT_THROW(layer_of_parameter(name, 12), c10::Error) << name;
  }
}

TEST(LayerDecayGroups, ScaleTheLearningRateByLayer) {
  class Stack : public torch::nn::Module {
   public:
    Stack() {
      register_parameter("pos_embed", at::zeros({1, 4, 8}));
      for (const char* const name : {"patch_embed1", "blocks1", "head"}) {
        register_module(name, std::make_shared<torch::nn::Module>())
            ->register_parameter("weight", at::zeros({8, 8}));
      }
      const auto blocks = register_module("blocks3", std::make_shared<torch::nn::Module>());
      for (const char* const name : {"0", "1"}) {
        blocks->register_module(name, std::make_shared<torch::nn::Module>())
            ->register_parameter("bias", at::zeros({8}));
      }
    }
  };
  const std::vector<ParamGroup> groups = layer_decay_groups(Stack(), 0.05, 0.5, 2);
  ASSERT_EQ(groups.size(), 5);
  EXPECT_THAT(groups[0].names, testing::ElementsAre("pos_embed"));
  EXPECT_EQ(groups[0].weight_decay, 0);
  EXPECT_EQ(groups[0].lr_scale, 0.125);
  EXPECT_THAT(groups[1].names, testing::ElementsAre("patch_embed1.weight", "blocks1.weight"));
  EXPECT_EQ(groups[1].weight_decay, 0.05);
  EXPECT_EQ(groups[1].lr_scale, 0.125);
  EXPECT_THAT(groups[2].names, testing::ElementsAre("head.weight"));
  EXPECT_EQ(groups[2].lr_scale, 1);
  EXPECT_THAT(groups[3].names, testing::ElementsAre("blocks3.0.bias"));
  EXPECT_EQ(groups[3].lr_scale, 0.25);
  EXPECT_EQ(groups[4].lr_scale, 0.5);
}

}  // namespace
}  // namespace convmae
