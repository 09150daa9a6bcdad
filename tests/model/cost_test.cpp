#include "convmae/model/cost.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <string>

namespace convmae {
namespace {

std::vector<LayerCost> costs_of(const ModelConfig& config) { return layer_costs(config); }

LayerCost layer(const std::vector<LayerCost>& layers, const std::string& name) {
  const auto found = std::ranges::find(layers, name, &LayerCost::name);
  EXPECT_NE(found, layers.end()) << name;
  return found == layers.end() ? LayerCost{} : *found;
}

double giga(std::int64_t macs) { return static_cast<double>(macs) / 1e9; }

/// Small enough to count by hand: 4x6 blocks of 8 pixels, of which 6 stay.
ModelConfig small() {
  ModelConfig config;
  config.encoder.img_size = {32, 48};
  config.encoder.in_chans = 2;
  config.encoder.patch_size = {2, 2, 2};
  config.encoder.embed_dim = {4, 8, 12};
  config.encoder.depth = {1, 1, 2};
  config.encoder.mlp_ratio = {2, 3, 4};
  config.encoder.kernel_size = {3, 5};
  config.encoder.num_heads = 2;
  config.decoder.embed_dim = 8;
  config.decoder.depth = 1;
  config.decoder.num_heads = 2;
  return config;
}

TEST(Cost, ParametersAreThoseOfThePublishedModels) {
  std::ifstream stream(CONVMAE_SOURCE_DIR "/tests/golden/keys_models.json");
  const auto golden = nlohmann::json::parse(stream);
  const auto expect = [&](Method method, const char* name) {
    const LayerCost total = total_cost(costs_of(model_preset("base", method)));
    EXPECT_EQ(total.parameters, golden.at(name).at("params_total"));
    EXPECT_EQ(total.trainable, golden.at(name).at("params_trainable"));
  };
  expect(Method::convmae, "convmae_convvit_base_patch16 (pretrain)");
  expect(Method::fastconvmae, "fastconvmae_convvit_base_patch16 (pretrain)");
  expect(Method::mae, "mae_vit_base_patch16 (pretrain)");
}

TEST(Cost, BaseModelsCostWhatIsKnownOfThem) {
  const LayerCost convmae = total_cost(costs_of(model_preset("base", Method::convmae)));
  EXPECT_NEAR(giga(convmae.dense_macs), 17.22, 0.005);
  EXPECT_NEAR(giga(convmae.visible_macs), 11.20, 0.005);
  const LayerCost fast = total_cost(costs_of(model_preset("base", Method::fastconvmae)));
  EXPECT_EQ(fast.visible_macs, 4 * convmae.visible_macs) << "as four passes of ConvMAE";
  EXPECT_EQ(fast.dense_macs, fast.visible_macs) << "four views leave nothing to skip";
  const LayerCost mae = total_cost(costs_of(model_preset("base", Method::mae)));
  EXPECT_NEAR(giga(mae.dense_macs), 9.78, 0.005);
}

TEST(Cost, LayersByHand) {
  const auto layers = costs_of(small());
  const auto expect = [&](const char* name, int each, int dense, int visible) {
    EXPECT_EQ(layer(layers, name).dense_macs, each * dense) << name;
    EXPECT_EQ(layer(layers, name).visible_macs, each * visible) << name;
  };
  // Per position: a block has 4x4 positions in stage 1 and 2x2 in stage 2.
  expect("patch_embed1", 2 * 2 * 2 * 4, 24 * 16, 6 * 16);
  expect("blocks1.0", 2 * 4 * 4 + 3 * 3 * 4 + 2 * 4 * 8, 24 * 16, 6 * 16);
  expect("patch_embed2", 2 * 2 * 4 * 8, 24 * 4, 6 * 4);
  expect("blocks2.0", 2 * 8 * 8 + 5 * 5 * 8 + 2 * 8 * 24, 24 * 4, 6 * 4);
  expect("patch_embed3", 2 * 2 * 8 * 12, 24, 6);
  expect("patch_embed4", 12 * 12, 24, 6);
  expect("stage1_output_decode", 4 * 4 * 4 * 12, 24, 6);
  expect("stage2_output_decode", 2 * 2 * 8 * 12, 24, 6);
  // Tokens: products with weights, then attention's products of tokens with tokens.
  expect("blocks3.1", 6 * (4 * 12 * 12 + 2 * 12 * 48) + 2 * 6 * 6 * 12, 1, 1);
  expect("decoder_embed", 6 * 12 * 8, 1, 1);
  expect("decoder_blocks.0", 24 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * 24 * 24 * 8, 1, 1);
  expect("decoder_pred", 24 * 8 * (8 * 8 * 2), 1, 1);
  for (const char* free : {"pos_embed", "mask_token", "norm", "decoder_norm"})
    expect(free, 0, 1, 1);
}

TEST(Cost, ParametersByHand) {
  const LayerCost block = layer(costs_of(small()), "blocks1.0");
  EXPECT_EQ(block.parameters,
            2 * (2 * 4) + 2 * (4 * 4 + 4) + (9 * 4 + 4) + (4 * 8 + 8) + (8 * 4 + 4));
  const LayerCost table = layer(costs_of(small()), "pos_embed");
  EXPECT_EQ(table.parameters, 24 * 12);
  EXPECT_EQ(table.trainable, 0);
}

TEST(Cost, OfWhatCannotBeCountedIsRefused) {
  ModelConfig config = small();
  config.encoder.img_size = {8192, 8192};  // of 1,048,576 tokens
  config.encoder.in_chans = 1;
  EXPECT_GT(total_cost(costs_of(config)).dense_macs, std::int64_t{1} << 40);
  config.encoder.patch_size = {1, 1, 1};
  config.encoder.embed_dim = {1 << 20, 1 << 20, 1 << 20};
  EXPECT_THROW(costs_of(config), UserError);
}

TEST(Cost, UnevenGroupsCountEveryViewByItself) {
  ModelConfig config = small();
  config.method = Method::fastconvmae;
  config.masking.groups = 5;  // of 24 blocks: 4, 4, 4, 4 and 8
  const auto layers = costs_of(config);
  EXPECT_EQ(layer(layers, "patch_embed4").visible_macs, 24 * 12 * 12);
  EXPECT_EQ(layer(layers, "blocks3.0").visible_macs,
            24 * (4 * 12 * 12 + 2 * 12 * 48) + 2 * (4 * 16 + 64) * 12);
  EXPECT_EQ(layer(layers, "decoder_pred").visible_macs, 5 * 24 * 8 * 128);
}

TEST(Cost, AblationsChangeTheCostOfWhatTheySwitch) {
  ModelConfig config = small();
  config.encoder.masked_conv = false;
  const auto unmasked = costs_of(config);
  EXPECT_EQ(layer(unmasked, "blocks2.0").visible_macs, layer(unmasked, "blocks2.0").dense_macs);
  EXPECT_LT(layer(unmasked, "patch_embed3").visible_macs,
            layer(unmasked, "patch_embed3").dense_macs);
  config = small();
  config.encoder.fusion = false;
  EXPECT_EQ(total_cost(costs_of(small())).trainable - total_cost(costs_of(config)).trainable,
            (4 * 4 * 4 + 1) * 12 + (2 * 2 * 8 + 1) * 12);
  config = small();
  config.masking.unit = MaskUnit::position;
  const LayerCost total = total_cost(costs_of(config));
  EXPECT_EQ(total.visible_macs, total.dense_macs);
}

}  // namespace
}  // namespace convmae
