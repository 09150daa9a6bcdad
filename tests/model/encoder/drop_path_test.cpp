#include "convmae/model/encoder/drop_path.h"

#include "convmae/model/encoder/encoder.h"

#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

TEST(DropPath, RatesRiseEvenlyFromZero) {
  const std::vector<double> rates = drop_path_rates(0.4, 5);
  ASSERT_EQ(rates.size(), 5u);
  for (std::size_t i = 0; i < rates.size(); ++i) EXPECT_NEAR(rates[i], 0.1 * double(i), 1e-7);
  EXPECT_EQ(drop_path_draws(rates), 8);
  EXPECT_EQ(drop_path_rates(0.3, 1), std::vector<double>{0});
  EXPECT_EQ(drop_path_draws(drop_path_rates(0, 4)), 0);
}

TEST(DropPath, AScaleIsZeroBelowTheRateAndMakesUpForItAbove) {
  const at::Tensor draws = torch::tensor({{0.0, 0.24, 0.26, 0.99}, {0.5, 0.1, 0.2, 0.3}});
  const DropPath scales = drop_path({0, 0.25}, draws);
  ASSERT_EQ(scales.size(), 2u);
  EXPECT_FALSE(scales[0].has_value());
  const double kept = 1 / 0.75;
  EXPECT_TRUE(torch::allclose(scales[1]->mixing, torch::tensor({0.0, 0.0, kept, kept})));
  EXPECT_TRUE(torch::allclose(scales[1]->mlp, torch::tensor({kept, 0.0, 0.0, kept})));
  EXPECT_ANY_THROW(drop_path({0.5, 0.25}, draws));
}

TEST(DropPath, ARateOfOneDropsEveryImage) {
  const DropPath scales = drop_path({1.0}, torch::rand({2, 64}));
  EXPECT_EQ(scales[0]->mixing.abs().max().item<float>(), 0);
}

/// The encoder of small_config in float64 with random parameters.
std::shared_ptr<Encoder> random_encoder() {
  auto encoder = std::make_shared<Encoder>(small_config().encoder, EncoderTail::none);
  encoder->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : encoder->named_parameters()) parameter.value().normal_(0, 0.2);
  return encoder;
}

TEST(DropPath, ADroppedBranchIsAsIfItWereNotThere) {
  torch::manual_seed(5);
  auto encoder = random_encoder();
  const at::Tensor images = random_images(small_config(), 3);
  const Visibility all = all_visible(3, encoder->geometry().grid(), images.device());
  // Every block scales both branches: image 0 drops all of them, image 1 keeps them as they are,
  // image 2 doubles them.
  const at::Tensor scale = torch::tensor({0.0, 1.0, 2.0});
  const DropPath scales(5, BranchScales{scale, scale});
  const StageFeatures scaled = encoder->stages(images, {all, std::nullopt, scales});
  const StageFeatures plain = encoder->stages(images, {all});
  EXPECT_TRUE(torch::allclose(scaled.tokens[1], plain.tokens[1], 1e-12, 1e-12));
  EXPECT_FALSE(torch::allclose(scaled.tokens[2], plain.tokens[2], 1e-3, 1e-3));

  EncoderConfig no_blocks = small_config().encoder;
  no_blocks.depth = {0, 0, 0};
  auto empty = std::make_shared<Encoder>(no_blocks, EncoderTail::none);
  empty->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  const auto parameters = encoder->named_parameters();
  for (const auto& p : empty->named_parameters()) p.value().copy_(parameters[p.key()]);
  const StageFeatures without = empty->stages(images, {all});
  EXPECT_TRUE(torch::allclose(scaled.tokens[0], without.tokens[0], 1e-12, 1e-12));
  EXPECT_TRUE(torch::allclose(scaled.stage1[0], without.stage1[0], 1e-12, 1e-12));
}

TEST(DropPath, ScalesTokensWhereItHasOneForEach) {
  const at::Tensor x = torch::randn({2, 3, 4});
  const at::Tensor branch = torch::randn({2, 3, 4});
  const at::Tensor scale = torch::tensor({0.F, 2.F, 1.F, 1.F, 0.F, 3.F}).view({2, 3});
  EXPECT_TRUE(torch::allclose(add_branch(x, branch, scale), x + branch * scale.unsqueeze(2)));
  EXPECT_TRUE(torch::equal(add_branch(x, branch, scale)[0][0], x[0][0]));
}

TEST(DropPath, TheEncoderWantsScalesForEveryBlock) {
  auto encoder = random_encoder();
  const at::Tensor images = random_images(small_config(), 1);
  const Visibility all = all_visible(1, encoder->geometry().grid(), images.device());
  EXPECT_ANY_THROW(encoder->stages(images, {all, std::nullopt, DropPath(3)}));
}

}  // namespace
}  // namespace convmae
