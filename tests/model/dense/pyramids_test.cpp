#include "convmae/model/dense/pyramids.h"

#include "convmae/model/dense/backbone.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

using Sizes = std::vector<std::int64_t>;

template <typename Module>
void randomise(Module& module) {
  module.to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  for (const auto& p : module.named_parameters()) p.value().normal_(0, 0.5);
}

TEST(FeaturePyramid, AddsCoarseLevelsToFineOnes) {
  torch::manual_seed(1);
  FeaturePyramid pyramid({3, 4}, 5, ConvolutionNorm::layer);
  randomise(pyramid);
  const torch::NoGradGuard no_grad;
  const std::vector<at::Tensor> maps{torch::randn({2, 3, 6, 8}, torch::kDouble),
                                     torch::randn({2, 4, 3, 4}, torch::kDouble)};
  const auto p = pyramid.named_parameters();
  const auto normed = [&](const std::string& name, const at::Tensor& x, std::int64_t padding) {
    const at::Tensor y = at::conv2d(x, p[name + ".weight"], {}, 1, padding);
    const at::Tensor centred = y - y.mean(1, true);
    const at::Tensor scale = (centred.square().mean(1, true) + 1e-6).rsqrt();
    return centred * scale * p[name + ".norm.weight"].view({-1, 1, 1}) +
           p[name + ".norm.bias"].view({-1, 1, 1});
  };
  const at::Tensor coarse = normed("fpn_lateral3", maps[1], 0);
  const at::Tensor fine =
      normed("fpn_lateral2", maps[0], 0) + coarse.repeat_interleave(2, 2).repeat_interleave(2, 3);
  const std::vector<at::Tensor> levels = pyramid.forward(maps);
  ASSERT_EQ(levels.size(), 3);
  EXPECT_TRUE(at::allclose(levels[0], normed("fpn_output2", fine, 1), 1e-9, 1e-9));
  EXPECT_TRUE(at::allclose(levels[1], normed("fpn_output3", coarse, 1), 1e-9, 1e-9));
  EXPECT_TRUE(at::equal(levels[2], levels[1].slice(2, 0, 3, 2).slice(3, 0, 4, 2)));
  EXPECT_THROW(pyramid.forward({maps[0]}), c10::Error);
}

TEST(SimplePyramid, HasTheStridesOfItsLevels) {
  SimplePyramid pyramid(8, 5);
  randomise(pyramid);
  const torch::NoGradGuard no_grad;
  const std::vector<at::Tensor> levels =
      pyramid.forward(torch::randn({2, 8, 4, 6}, torch::kDouble));
  ASSERT_EQ(levels.size(), 5);
  EXPECT_EQ(levels[0].sizes(), (Sizes{2, 5, 16, 24}));
  EXPECT_EQ(levels[1].sizes(), (Sizes{2, 5, 8, 12}));
  EXPECT_EQ(levels[2].sizes(), (Sizes{2, 5, 4, 6}));
  EXPECT_EQ(levels[3].sizes(), (Sizes{2, 5, 2, 3}));
  EXPECT_EQ(levels[4].sizes(), (Sizes{2, 5, 1, 2}));
}

TEST(FourthLevel, HasNoPadding) {
  FourthLevel level(4);
  randomise(level);
  EXPECT_EQ(level.forward(torch::randn({2, 4, 6, 9}, torch::kDouble)).sizes(), (Sizes{2, 4, 2, 4}));
}

TEST(Backbone, GivesMapsWithTheChannelsLastInMemory) {
  BackboneConfig config;
  config.encoder = small_config().encoder;
  config.relative_position = RelativePosition::global_and_windowed;
  config.window = {2, /*padded=*/true};
  config.windowed_blocks = {1};
  Backbone backbone(config);
  randomise(backbone);
  const torch::NoGradGuard no_grad;
  const std::vector<at::Tensor> maps = backbone.forward(random_images(config.encoder, 2));
  ASSERT_EQ(maps.size(), 3);
  EXPECT_EQ(maps[0].sizes(), (Sizes{2, 6, 12, 16}));
  EXPECT_EQ(maps[2].sizes(), (Sizes{2, 16, 3, 4}));
  for (const at::Tensor& map : maps) {
    EXPECT_TRUE(map.is_contiguous(at::MemoryFormat::ChannelsLast));
  }
  const auto parameters = backbone.named_parameters();
  EXPECT_EQ(parameters["global_rel_pos_bias.relative_position_bias_table"].size(0), 5 * 7);
  EXPECT_EQ(parameters["windowed_rel_pos_bias.relative_position_bias_table"].size(0), 9);
  EXPECT_FALSE(parameters.contains("blocks3.0.attn.relative_position_bias_table"));
}

}  // namespace
}  // namespace convmae
