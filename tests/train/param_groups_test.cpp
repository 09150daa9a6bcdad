#include "convmae/train/param_groups.h"

#include <ATen/ATen.h>
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

}  // namespace
}  // namespace convmae
