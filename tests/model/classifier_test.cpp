#include "convmae/model/classifier.h"

#include "convmae/base/error.h"
#include "convmae/model/dense_formulation.h"
#include "convmae/model/encoder/position_resize.h"

#include <gtest/gtest.h>

#include "support/small_models.h"
#include <cmath>

namespace convmae {
namespace {

/// A classifier in float64 with every parameter random and none trivial.
std::shared_ptr<Classifier> random_classifier(const ClassifierConfig& config) {
  auto classifier = std::make_shared<Classifier>(config);
  classifier->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  for (const auto& p : classifier->named_parameters()) p.value().normal_(0, 0.3);
  return classifier;
}

ClassifierConfig config_of(const ModelConfig& pretrained, Pool pool) {
  ClassifierConfig config;
  config.encoder = pretrained.encoder;
  config.pool = pool;
  config.num_classes = 5;
  return config;
}

/// With nothing removed and side branches that add nothing, pretraining's latent is the norm of the
/// same tokens that a classifier pools.
TEST(Classifier, PoolsTheTokensOfTheDenseFormulation) {
  torch::manual_seed(1);
  ModelConfig config = small_config();
  config.encoder.fusion = false;
  auto classifier = random_classifier(config_of(config, Pool::token));
  const at::Tensor images = random_images(config, 2);

  dense::Parameters parameters;
  auto pretrained = make_random_model(config, 1);
  for (const auto& p : pretrained->named_parameters()) parameters[p.key()] = p.value();
  for (const auto& p : classifier->named_parameters()) parameters[p.key()] = p.value();
  const torch::NoGradGuard no_grad;
  const dense::Output expected =
      dense::convmae_forward(parameters, config, images, torch::ones({2, 12}, torch::kDouble));
  const at::Tensor features = classifier->encoder().forward(images);
  EXPECT_TRUE(torch::allclose(features, expected.latent.select(1, 0), 1e-9, 1e-11));
  const at::Tensor logits =
      torch::linear(features, parameters["head.weight"], parameters["head.bias"]);
  EXPECT_TRUE(torch::allclose(classifier->forward(images), logits, 1e-9, 1e-11));
}

TEST(Classifier, HasThePublishedNamesForEachPooling) {
  const Classifier mean(config_of(small_config(), Pool::mean));
  EXPECT_TRUE(mean.named_parameters().contains("fc_norm.weight"));
  EXPECT_FALSE(mean.named_parameters().contains("norm.weight"));
  const Classifier token(config_of(small_config(), Pool::token));
  EXPECT_TRUE(token.named_parameters().contains("norm.weight"));
  EXPECT_FALSE(token.named_parameters().contains("fc_norm.weight"));
  for (const Classifier* classifier : {&mean, &token}) {
    const auto parameters = classifier->named_parameters();
    EXPECT_TRUE(parameters["pos_embed"].requires_grad());
    EXPECT_FALSE(parameters.contains("stage1_output_decode.weight"));
    EXPECT_TRUE(parameters.contains("head.weight"));
  }
}

TEST(Classifier, TheMeanOfAVisionTransformerLeavesTheClassTokenOut) {
  torch::manual_seed(2);
  ClassifierConfig config = config_of(small_vit_config(), Pool::mean);
  config.encoder.depth = {0};
  auto classifier = random_classifier(config);
  const at::Tensor images = random_images(config.encoder, 2);
  const torch::NoGradGuard no_grad;
  const at::Tensor before = classifier->forward(images);
  classifier->named_parameters()["cls_token"].add_(1);
  EXPECT_TRUE(torch::equal(before, classifier->forward(images)));
}

TEST(Classifier, ComputesInTheTypeOfTheImages) {
  const torch::NoGradGuard no_grad;
  for (const ModelConfig& config : {small_config(), small_vit_config()}) {
    auto classifier = random_classifier(config_of(config, Pool::mean));
    classifier->to(torch::kFloat);
    const at::Tensor images = random_images(config, 2).to(torch::kBFloat16);
    EXPECT_EQ(classifier->encoder().forward(images).scalar_type(), torch::kBFloat16);
    EXPECT_EQ(classifier->forward(images).scalar_type(), torch::kFloat);
  }
}

TEST(Classifier, AProbeTrainsItsHeadAlone) {
  ClassifierConfig config = config_of(small_config(), Pool::mean);
  config.head = ClassifierHead::probe;
  auto classifier = random_classifier(config);
  classifier->train();
  const at::Tensor images = random_images(config.encoder, 6);
  classifier->forward(images).square().sum().backward();
  for (const auto& p : classifier->named_parameters()) {
    EXPECT_EQ(p.value().grad().defined(), p.key().starts_with("head.1.")) << p.key();
  }
  // Statistics of the batch: momentum 0.1, unbiased variance.
  classifier->commit_statistics();
  const torch::NoGradGuard no_grad;
  const at::Tensor features = classifier->encoder().forward(images);
  const auto buffers = classifier->named_buffers();
  EXPECT_TRUE(torch::allclose(buffers["head.0.running_mean"], 0.1 * features.mean(0), 1e-5, 1e-7));
  EXPECT_TRUE(torch::allclose(buffers["head.0.running_var"], 0.9 + 0.1 * features.var(0), 1e-5));
  EXPECT_EQ(buffers["head.0.num_batches_tracked"].item<int64_t>(), 1);
  classifier->eval();
  // In evaluation an image's logits do not depend on the others of its batch.
  EXPECT_TRUE(torch::allclose(classifier->forward(images.narrow(0, 0, 1)),
                              classifier->forward(images).narrow(0, 0, 1), 1e-9, 1e-11));
}

TEST(Classifier, StatisticsOfAProbeMoveWithStepsThatAreTaken) {
  const torch::NoGradGuard no_grad;
  ClassifierConfig config = config_of(small_config(), Pool::mean);
  config.head = ClassifierHead::probe;
  auto classifier = random_classifier(config);
  classifier->train();
  const at::Tensor first = torch::randn({4, 16}, torch::kDouble) + 1;
  const at::Tensor second = 3 * torch::randn({4, 16}, torch::kDouble);
  const auto mean = [&] { return classifier->named_buffers()["head.0.running_mean"]; };
  const auto var = [&] { return classifier->named_buffers()["head.0.running_var"]; };
  const auto batches = [&] {
    return classifier->named_buffers()["head.0.num_batches_tracked"].item<int64_t>();
  };
  const auto expect_untouched = [&] {
    EXPECT_EQ(mean().abs().max().item<double>(), 0);
    EXPECT_EQ((var() - 1).abs().max().item<double>(), 0);
    EXPECT_EQ(batches(), 0);
  };
  // Half a step, and one that is left out.
  const at::Tensor logits = classifier->classify(first);
  expect_untouched();
  classifier->classify(torch::full({4, 16}, std::nan(""), torch::kDouble));
  classifier->discard_statistics();
  expect_untouched();
  classifier->commit_statistics();
  expect_untouched();
  // A step of two batches moves them twice, and what was left out plays no part.
  EXPECT_TRUE(torch::equal(classifier->classify(first), logits));
  classifier->classify(second);
  classifier->commit_statistics();
  const at::Tensor expected_mean = 0.09 * first.mean(0) + 0.1 * second.mean(0);
  const at::Tensor expected_var = 0.81 + 0.09 * first.var(0) + 0.1 * second.var(0);
  EXPECT_TRUE(torch::allclose(mean(), expected_mean, 1e-9, 1e-12));
  EXPECT_TRUE(torch::allclose(var(), expected_var, 1e-9, 1e-12));
  EXPECT_EQ(batches(), 2);
  classifier->commit_statistics();
  EXPECT_EQ(batches(), 2);
  EXPECT_THROW(classifier->classify(first.narrow(0, 0, 1)), c10::Error);
  classifier->eval();
  EXPECT_TRUE(classifier->classify(first.narrow(0, 0, 1)).isfinite().all().item<bool>());
}

TEST(Classifier, StartsWithASmallHead) {
  Classifier classifier(config_of(small_config(), Pool::mean));
  classifier.initialise(3);
  const auto parameters = classifier.named_parameters();
  EXPECT_NEAR(parameters["head.weight"].std().item<double>(), 2e-5, 1e-5);
  EXPECT_EQ(parameters["head.bias"].abs().max().item<float>(), 0);
  EXPECT_NEAR(parameters["patch_embed4.weight"].std().item<double>(), 0.02, 0.005);
  EXPECT_NEAR(parameters["pos_embed"].std().item<double>(), 0.02, 0.005);
  EXPECT_EQ(parameters["fc_norm.weight"].min().item<float>(), 1);
}

TEST(Classifier, RefusesWhatIsNoClassifier) {
  ClassifierConfig config = config_of(small_config(), Pool::mean);
  config.num_classes = 0;
  EXPECT_THROW(validate(config), UserError);
  config.num_classes = 3;
  config.encoder.img_size = {50, 64};
  EXPECT_THROW(validate(config), UserError);
  EXPECT_THROW(parse_pool("max"), UserError);
}

TEST(PositionResize, KeepsClassTokensAndConstantTables) {
  const at::Tensor table = torch::full({1, 1 + 12, 4}, 0.5);
  table.select(1, 0).fill_(7);
  const at::Tensor resized = resize_positions(table, {3, 4}, {5, 2}, 1);
  EXPECT_EQ(resized.sizes(), (std::vector<int64_t>{1, 11, 4}));
  EXPECT_TRUE(torch::allclose(resized.narrow(1, 1, 10), torch::full({1, 10, 4}, 0.5)));
  EXPECT_EQ(resized[0][0][0].item<float>(), 7);
  EXPECT_TRUE(torch::equal(resize_positions(table, {3, 4}, {3, 4}, 1), table));
  EXPECT_ANY_THROW(resize_positions(table, {4, 4}, {5, 2}, 1));
}

}  // namespace
}  // namespace convmae
