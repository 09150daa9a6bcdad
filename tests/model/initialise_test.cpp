#include "convmae/model/initialise.h"

#include "convmae/model/autoencoder/pretrain_model.h"

#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

std::shared_ptr<PretrainModel> initialised(uint64_t seed) {
  auto model = make_pretrain_model(small_config());
  model->initialise(seed);
  return model;
}

TEST(Initialise, DependsOnTheSeedAlone) {
  const auto a = initialised(1);
  const auto b = initialised(1);
  const auto c = initialised(2);
  for (const auto& p : a->named_parameters()) {
    EXPECT_TRUE(torch::equal(p.value(), b->named_parameters()[p.key()])) << p.key();
  }
  EXPECT_FALSE(torch::equal(a->named_parameters()["blocks1.0.conv1.weight"],
                            c->named_parameters()["blocks1.0.conv1.weight"]));
}

TEST(Initialise, HasThePublishedDistributions) {
  const auto model = initialised(1);
  const auto parameters = model->named_parameters();
  const auto largest = [&](const char* name) {
    return parameters[name].detach().abs().max().item<double>();
  };
  EXPECT_EQ(largest("blocks3.0.attn.qkv.bias"), 0);
  EXPECT_EQ(largest("norm.bias"), 0);
  EXPECT_EQ(parameters["norm.weight"].detach().min().item<double>(), 1);
  // Xavier: within sqrt(6 / (in + out)); the sample reaches nearly that far.
  const double qkv = std::sqrt(6.0 / (16 + 48));
  EXPECT_LE(largest("blocks3.0.attn.qkv.weight"), qkv);
  EXPECT_GE(largest("blocks3.0.attn.qkv.weight"), 0.9 * qkv);
  const double last_embedding = std::sqrt(6.0 / (10 * 4 + 16));
  EXPECT_LE(largest("patch_embed3.proj.weight"), last_embedding);
  EXPECT_GE(largest("patch_embed3.proj.weight"), 0.9 * last_embedding);
  // PyTorch's default for convolutions: within 1/sqrt(fan in).
  EXPECT_LE(largest("patch_embed1.proj.weight"), 1 / std::sqrt(48.0));
  EXPECT_GE(largest("patch_embed1.proj.weight"), 0.9 / std::sqrt(48.0));
  EXPECT_LE(largest("blocks1.0.attn.weight"), 1 / 5.0);
  EXPECT_GT(largest("blocks1.0.attn.bias"), 0);
  EXPECT_NEAR(parameters["mask_token"].detach().std().item<double>(), 0.02, 0.012);
}

}  // namespace
}  // namespace convmae
