#include "convmae/checkpoint/vitmae_config.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/convert_weights.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/model/named_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/small_models.h"
#include "support/tiny_model.h"
#include <fstream>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

/// Of widths that no named model has.
ModelConfig square_config() {
  ModelConfig config = small_vit_config();
  config.encoder.img_size = {48, 48};
  return config;
}

class Vitmae : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_); }

  void save(const ModelConfig& config) {
    model_ = make_random_model(config, 1);
    model_->to(torch::kFloat);
    save_weights(own_, *model_,
                 {config, default_preprocessing(3, config.encoder.img_size), Json::object()});
  }

  ConversionReport convert(const std::filesystem::path& in, const std::filesystem::path& out,
                           std::optional<WeightLayout> layout, bool encoder_only = false) {
    ConversionOptions options;
    options.layout = layout;
    options.encoder_only = encoder_only;
    return convert_weights(in, out, options);
  }

  /// What the program wrote, as another would have: without a word of its model.
  void forget_description() {
    const SafetensorsFile file(hub_);
    const std::filesystem::path plain = folder_ / "plain";
    write_safetensors(plain, file.tensors(), {{"format", "pt"}});
    std::filesystem::rename(plain, hub_);
  }

  Json config() const {
    std::ifstream file(folder_ / "config.json");
    return Json::parse(file);
  }
  void change_config(const char* key, const Json& value) {
    Json json = config();
    json[key] = value;
    std::ofstream(folder_ / "config.json") << json.dump();
  }

  void expect_refused(const std::string& reason) {
    EXPECT_THAT([&] { load_model(hub_); }, ThrowsMessage<UserError>(HasSubstr(reason)));
  }

  ScratchDirectory scratch_;
  std::filesystem::path own_ = scratch_.path() / "own.safetensors";
  std::filesystem::path folder_ = scratch_.path() / "hub";
  std::filesystem::path hub_ = folder_ / "model.safetensors";
  std::shared_ptr<PretrainModel> model_;
};

TEST_F(Vitmae, ComesBackAsItWas) {
  save(square_config());
  EXPECT_EQ(convert(own_, hub_, WeightLayout::vitmae).left_out, 0);
  const SafetensorsFile stored(hub_);
  EXPECT_EQ(stored.metadata().at("format"), "pt");
  EXPECT_EQ(stored.at("vit.encoder.layer.1.attention.attention.key.weight").shape,
            (std::vector<std::int64_t>{16, 16}));
  forget_description();
  const LoadedModel loaded = load_model(hub_);
  EXPECT_EQ(loaded.info.model, square_config());
  EXPECT_TRUE(same_parameters(*loaded.model, *model_));
}

TEST_F(Vitmae, OtherLayoutsKeepWhatItsConfigurationSays) {
  save(square_config());
  convert(own_, hub_, WeightLayout::vitmae);
  forget_description();
  const std::filesystem::path back = scratch_.path() / "back.safetensors";
  convert(hub_, back, WeightLayout::convmae);
  const LoadedModel loaded = load_model(back);
  EXPECT_EQ(loaded.info.model, square_config());
  EXPECT_TRUE(same_parameters(*loaded.model, *model_));
  // And without a layout its names.
  convert(hub_, back, std::nullopt);
  EXPECT_NE(SafetensorsFile(back).find("vit.layernorm.weight"), nullptr);
}

TEST_F(Vitmae, DividesAWeightInPartsAsItWas) {
  save(square_config());
  convert(own_, hub_, WeightLayout::vitmae);
  forget_description();
  const std::filesystem::path again = scratch_.path() / "again.safetensors";
  convert(hub_, again, WeightLayout::vitmae);
  const WeightFile before(hub_, WeightNames::stored);
  const WeightFile after(again, WeightNames::stored);
  ASSERT_EQ(before.weights().size(), after.weights().size());
  for (const Weight& weight : before.weights()) {
    EXPECT_TRUE(
        at::equal(read_tensor(before, weight), read_tensor(after, *after.find(weight.name))))
        << weight.name;
  }
}

TEST_F(Vitmae, ItsConfigurationIsWhatTransformersExpects) {
  ModelConfig model = square_config();
  model.decoder.norm_pix_loss = true;
  save(model);
  convert(own_, hub_, WeightLayout::vitmae);
  const Json expected{{"architectures", {"ViTMAEForPreTraining"}},
                      {"model_type", "vit_mae"},
                      {"hidden_size", 16},
                      {"num_hidden_layers", 2},
                      {"num_attention_heads", 4},
                      {"intermediate_size", 48},
                      {"hidden_act", "gelu"},
                      {"hidden_dropout_prob", 0.0},
                      {"attention_probs_dropout_prob", 0.0},
                      {"initializer_range", 0.02},
                      {"layer_norm_eps", 1e-6},
                      {"image_size", 48},
                      {"patch_size", 16},
                      {"num_channels", 3},
                      {"qkv_bias", true},
                      {"mask_ratio", 0.7},
                      {"norm_pix_loss", true},
                      {"decoder_hidden_size", 12},
                      {"decoder_num_hidden_layers", 2},
                      {"decoder_num_attention_heads", 3},
                      {"decoder_intermediate_size", 36}};
  EXPECT_EQ(config(), expected);
}

TEST_F(Vitmae, AnEncoderAloneIsAViTMAEModel) {
  save(square_config());
  EXPECT_GT(convert(own_, hub_, WeightLayout::vitmae, /*encoder_only=*/true).left_out, 10);
  EXPECT_EQ(config()["architectures"], Json({"ViTMAEModel"}));
  EXPECT_FALSE(config().contains("decoder_hidden_size"));
  const WeightFile file(hub_);
  EXPECT_NE(file.find("norm.weight"), nullptr);
  EXPECT_EQ(file.find("mask_token"), nullptr);
}

TEST_F(Vitmae, ConfigurationsThatMakeNoSenseAreRefused) {
  save(square_config());
  convert(own_, hub_, WeightLayout::vitmae);
  forget_description();
  change_config("hidden_act", "relu");
  expect_refused("'relu', which MAE is not");
  change_config("hidden_act", "gelu");
  change_config("image_size", "large");
  expect_refused("'image_size'");
  change_config("image_size", {48, 48});
  change_config("num_attention_heads", 5);
  expect_refused("num_heads");
  std::ofstream(folder_ / "config.json") << "{";
  expect_refused("no JSON object");
  std::ofstream(folder_ / "config.json") << R"({"model_type": "bert"})";
  expect_refused("the number of attention heads is not known");
}

TEST_F(Vitmae, WhatIsNoMaeOfSquareImagesIsRefused) {
  const auto refused = [&](bool encoder_only, const std::string& reason) {
    EXPECT_THAT([&] { convert(own_, hub_, WeightLayout::vitmae, encoder_only); },
                ThrowsMessage<UserError>(HasSubstr(reason)));
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
  };
  save(small_config());
  refused(false, "holds no MAE");
  save(small_vit_config());
  refused(false, "images of 48x64");
  ModelConfig blind = square_config();
  blind.decoder.use_pos_embed = false;
  save(blind);
  refused(false, "without tables of positions");
  NamedTensors tensors = named_tensors(*model_);
  std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("norm."); });
  write_checkpoint(own_, CheckpointKind::weights, tensors,
                   {square_config(), default_preprocessing(3, {48, 48}), Json::object()}, {});
  refused(true, "lacks the tensor 'norm.weight'");
}

TEST_F(Vitmae, TakesThePlaceOfNoOtherConfiguration) {
  save(square_config());
  convert(own_, hub_, WeightLayout::vitmae);
  const Json first = config();
  // That of the same weights, once more or changed, is written anew.
  change_config("mask_ratio", 0.5);
  convert(own_, hub_, WeightLayout::vitmae);
  EXPECT_EQ(config(), first);
  // One more file of the same model may stand beside it.
  convert(own_, folder_ / "copy.safetensors", WeightLayout::vitmae);
  const auto refused = [&](const char* name) {
    EXPECT_THAT([&] { convert(own_, folder_ / name, WeightLayout::vitmae); },
                ThrowsMessage<UserError>(HasSubstr("describes another model")));
    EXPECT_NE(config(), first);
  };
  change_config("mask_ratio", 0.5);
  refused("other.safetensors");
  change_config("model_type", "vit");
  refused("model.safetensors");
}

}  // namespace
}  // namespace convmae
