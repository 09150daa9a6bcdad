#include "convmae/model/parameter_shapes.h"

#include "convmae/base/error.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/encoder/encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

using Listed = std::vector<std::string>;

std::string text_of(const std::string& name, at::IntArrayRef shape, bool fixed) {
  std::string text = name + (fixed ? " fixed" : "");
  for (const std::int64_t side : shape) text += " " + std::to_string(side);
  return text;
}

ParameterVisitor write_to(Listed& listed) {
  return
      [&listed](const ParameterShape& p) { listed.push_back(text_of(p.name, p.shape, p.fixed)); };
}

/// Parameters and then buffers, as the module itself has them. Of a classifier no table is fixed,
/// though all of a probe's encoder is frozen.
Listed parts_of(const torch::nn::Module& module, bool has_fixed = true) {
  Listed parts;
  for (const auto& p : module.named_parameters()) {
    const bool fixed = has_fixed && !p.value().requires_grad();
    parts.push_back(text_of(p.key(), p.value().sizes(), fixed));
  }
  for (const auto& b : module.named_buffers()) {
    parts.push_back(text_of(b.key(), b.value().sizes(), false));
  }
  return parts;
}

std::vector<ModelConfig> models() {
  ModelConfig fast = small_config();
  fast.method = Method::fastconvmae;
  ModelConfig bare = small_config();
  bare.encoder.fusion = false;
  bare.encoder.position = PositionEncoding::none;
  bare.encoder.depth = {0, 2, 0};
  bare.encoder.mlp_ratio = {1.5, 2, 0};
  bare.decoder.depth = 0;
  bare.encoder.in_chans = 5;
  ModelConfig relative = small_config();
  relative.encoder.position = PositionEncoding::relative;
  ModelConfig bare_vit = small_vit_config();
  bare_vit.encoder.position = PositionEncoding::none;
  return {small_config(),
          fast,
          bare,
          relative,
          small_vit_config(),
          bare_vit,
          model_preset("nano", Method::convmae)};
}

TEST(ParameterShapes, ArePretrainingModels) {
  for (const ModelConfig& config : models()) {
    Listed listed;
    for_each_parameter(config, write_to(listed));
    EXPECT_EQ(listed, parts_of(*make_pretrain_model(config)));
  }
}

TEST(ParameterShapes, AreEncoders) {
  for (const ModelConfig& config : models()) {
    if (config.method == Method::mae) continue;
    Listed listed;
    for_each_parameter(config.encoder, write_to(listed));
    EXPECT_EQ(listed, parts_of(Encoder(config.encoder, EncoderTail::none)));
  }
}

TEST(ParameterShapes, AreClassifiers) {
  for (const ModelConfig& config : models()) {
    for (const Pool pool : {Pool::mean, Pool::token}) {
      for (const ClassifierHead head : {ClassifierHead::linear, ClassifierHead::probe}) {
        const ClassifierConfig classifier{config.encoder, pool, head, 7};
        Listed listed;
        for_each_parameter(classifier, write_to(listed));
        EXPECT_EQ(listed, parts_of(Classifier(classifier), /*has_fixed=*/false));
      }
    }
  }
}

TEST(ParameterShapes, ComeOneByOneAndCanBeLeft) {
  ModelConfig config = small_config();
  config.encoder.depth = {1, 1, 10000};
  config.encoder.embed_dim = {1 << 20, 1 << 20, 1 << 20};
  int visited = 0;
  const auto leave = [&](const ParameterShape& p) {
    ++visited;
    if (p.name == "blocks3.2.norm1.weight") throw UserError(p.name);
  };
  EXPECT_THROW(for_each_parameter(config, leave), UserError);
  EXPECT_LT(visited, 100);
}

TEST(ParameterShapes, OfWhatCannotBeCountedAreRefused) {
  ModelConfig config = small_config();
  config.encoder.embed_dim = {std::int64_t{1} << 20, std::int64_t{1} << 20, 16};
  config.encoder.patch_size = {1, std::int64_t{1} << 20, 1};
  config.encoder.img_size = {std::int64_t{1} << 20, std::int64_t{1} << 20};
  EXPECT_THROW(for_each_parameter(config, [](const ParameterShape&) {}), UserError);
}

}  // namespace
}  // namespace convmae
