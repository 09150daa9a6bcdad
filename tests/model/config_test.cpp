#include "convmae/model/config.h"

#include "convmae/base/error.h"
#include "convmae/model/autoencoder/pretrain_model.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>

namespace convmae {
namespace {

nlohmann::json published_keys() {
  std::ifstream stream(std::string(CONVMAE_SOURCE_DIR) + "/tests/golden/keys_models.json");
  return nlohmann::json::parse(stream);
}

/// Every key of the published state dict with its shape, and no other.
void expect_published_keys(const std::string& published, Method method) {
  SCOPED_TRACE(published);
  std::map<std::string, std::vector<int64_t>> theirs;
  const nlohmann::json model_json = published_keys().at(published);
  for (const auto& entry : model_json.at("state_dict")) {
    theirs[entry.at(0)] = entry.at(1).get<std::vector<int64_t>>();
  }
  std::map<std::string, std::vector<int64_t>> ours;
  int64_t trainable = 0;
  const auto model = make_pretrain_model(model_preset("base", method));
  for (const auto& p : model->named_parameters()) {
    ours[p.key()] = p.value().sizes().vec();
    if (p.value().requires_grad()) trainable += p.value().numel();
  }
  EXPECT_EQ(ours, theirs);
  EXPECT_EQ(trainable, model_json.at("params_trainable").get<int64_t>());
}

TEST(ModelConfig, BaseModelsHaveThePublishedKeysAndShapes) {
  expect_published_keys("convmae_convvit_base_patch16 (pretrain)", Method::convmae);
  expect_published_keys("fastconvmae_convvit_base_patch16 (pretrain)", Method::fastconvmae);
  expect_published_keys("mae_vit_base_patch16 (pretrain)", Method::mae);
}

TEST(ModelConfig, EveryPresetIsValidAndSurvivesJson) {
  for (const Method method : {Method::convmae, Method::fastconvmae, Method::mae}) {
    for (const char* name : {"nano", "tiny", "small", "base", "large", "huge"}) {
      const ModelConfig config = model_preset(name, method);
      EXPECT_NO_THROW(validate(config)) << name;
      EXPECT_EQ(model_config_from_json(to_json(config)), config);
    }
  }
  EXPECT_THROW(model_preset("giant", Method::convmae), UserError);
}

TEST(ModelConfig, JsonWithUnknownMissingOrWrongKeysIsRefused) {
  const std::string good = to_json(ModelConfig{});
  EXPECT_THROW(model_config_from_json("[]"), UserError);
  EXPECT_THROW(model_config_from_json("{"), UserError);
  EXPECT_THROW(model_config_from_json(R"({"colour": 1, )" + good.substr(1)), UserError);
  for (const auto& [from, to] :
       {std::pair{R"("fusion":true)", R"("fusion":"yes")"}, std::pair{R"("fusion":true,)", ""},
        std::pair{"[224,224]", "[224]"}, std::pair{"[224,224]", "[224,224.5]"},
        std::pair{"[224,224]", "[224,1e300]"}, std::pair{"[224,224]", "[224,null]"},
        std::pair{R"("num_heads":12)", R"("num_heads":18446744073709551628)"},
        std::pair{R"("num_heads":12)", R"("num_heads":true)"}, std::pair{"[2,2,11]", "[2,2,[11]]"},
        std::pair{"[2,2,11]", R"([2,2,"11"])"}, std::pair{R"("sincos")", R"("absolute")"},
        std::pair{R"("sincos")", "1"}}) {
    std::string bad = good;
    const auto at = bad.find(from);
    ASSERT_NE(at, std::string::npos);
    EXPECT_THROW(model_config_from_json(bad.replace(at, std::string(from).size(), to)), UserError);
  }
  EXPECT_EQ(model_config_from_json(good).encoder.img_size, (Size{224, 224}));
}

TEST(ModelConfig, JsonOfEarlierVersionsSaysPositionsInTheirWay) {
  ModelConfig config;
  for (const auto& [earlier, position] :
       {std::pair{R"("use_pos_embed":true)", PositionEncoding::sincos},
        std::pair{R"("use_pos_embed":false)", PositionEncoding::none}}) {
    config.encoder.position = position;
    std::string text = to_json(ModelConfig{});
    const std::string now = R"("position":"sincos")";
    ASSERT_NE(text.find(now), std::string::npos);
    text.replace(text.find(now), now.size(), earlier);
    EXPECT_EQ(model_config_from_json(text), config);
    // Two answers to one question.
    EXPECT_THROW(model_config_from_json(R"({"position":"none",)" + text.substr(1)), UserError);
  }
  config.encoder.position = PositionEncoding::relative;
  EXPECT_EQ(model_config_from_json(to_json(config)), config);
}

TEST(ModelConfig, DeepJsonIsNoStackOverflow) {
  std::string text = to_json(ModelConfig{});
  const auto at = text.find("[2,2,11]");
  text.replace(at, 8, std::string(1000000, '[') + std::string(1000000, ']'));
  EXPECT_THROW(model_config_from_json(text), UserError);
}

TEST(ModelConfig, RefusesWhatIsNoModel) {
  const std::vector<std::function<void(ModelConfig&)>> mistakes{
      [](ModelConfig& c) {
        c.encoder.img_size = {224, 230};
      },
      [](ModelConfig& c) {
        c.encoder.img_size = {0, 0};
      },
      [](ModelConfig& c) {
        c.encoder.img_size = {32768, 32768};
      },
      [](ModelConfig& c) {
        c.encoder.patch_size = {std::int64_t{1} << 32, std::int64_t{1} << 32, 1};
      },
      [](ModelConfig& c) {
        c.encoder.depth = {2, 2, 300000};
      },
      [](ModelConfig& c) {
        c.encoder.embed_dim = {256, 384, std::int64_t{1} << 40};
      },
      [](ModelConfig& c) {
        c.encoder.mlp_ratio = {4, 0, 4};
      },
      [](ModelConfig& c) {
        c.encoder.mlp_ratio = {4, 4, 1e300};
      },
      [](ModelConfig& c) {
        c.encoder.mlp_ratio = {4, std::nan(""), 4};
      },
      [](ModelConfig& c) { c.encoder.in_chans = std::int64_t{1} << 40; },
      [](ModelConfig& c) { c.decoder.embed_dim = 0; },
      [](ModelConfig& c) { c.decoder.embed_dim = -16; },
      [](ModelConfig& c) { c.decoder.embed_dim = std::int64_t{1} << 62; },
      [](ModelConfig& c) { c.decoder.depth = std::int64_t{1} << 62; },
      [](ModelConfig& c) {
        c.method = Method::fastconvmae;
        c.encoder.img_size = {4096, 4096};
        c.masking.groups = 65536;
      },
      [](ModelConfig& c) { c.masking.ratio = 0; },
      [](ModelConfig& c) { c.masking.ratio = 1; },
      [](ModelConfig& c) { c.masking.ratio = 0.999; },
      [](ModelConfig& c) { c.masking.ratio = 1e-18; },
      [](ModelConfig& c) {
        c.encoder.kernel_size = {5, 4};
      },
      [](ModelConfig& c) {
        c.encoder.kernel_size = {5, 17};
      },
      [](ModelConfig& c) { c.encoder.kernel_size = {5}; },
      [](ModelConfig& c) {
        c.encoder.patch_size = {4, 2};
      },
      [](ModelConfig& c) {
        c.encoder.patch_size = {4, 0, 2};
      },
      [](ModelConfig& c) {
        c.encoder.embed_dim = {256, 384, 770};
      },
      [](ModelConfig& c) {
        c = model_preset("base", Method::mae);
        c.encoder.position = PositionEncoding::relative;
      },
      [](ModelConfig& c) { c.encoder.num_heads = 0; },
      [](ModelConfig& c) { c.encoder.in_chans = 0; },
      [](ModelConfig& c) { c.decoder.num_heads = 7; },
      [](ModelConfig& c) {
        c.encoder.depth = {2, -1, 2};
      },
      [](ModelConfig& c) { c.method = Method::fastconvmae, c.masking.groups = 1; },
      [](ModelConfig& c) { c.method = Method::fastconvmae, c.masking.groups = 197; },
  };
  for (size_t i = 0; i < mistakes.size(); ++i) {
    ModelConfig config;
    mistakes[i](config);
    EXPECT_THROW(validate(config), UserError) << i;
  }
}

}  // namespace
}  // namespace convmae
