#include "support/read_backs.h"

#include "convmae/model/classifier.h"
#include "convmae/model/encoder/drop_path.h"

#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

TEST(ReadBacks, AreFound) {
  const at::Tensor x = torch::ones({2});
  const ReadBacks read_backs;
  EXPECT_EQ(x.sum().item<double>(), 2);
  EXPECT_EQ(x.nonzero().size(0), 2);
  EXPECT_EQ(read_backs.found(), 2);
}

TEST(ReadBacks, PretrainingHasNone) {
  ModelConfig fast = small_config();
  fast.method = Method::fastconvmae;
  fast.masking.groups = 5;  // does not divide the 12 blocks
  ModelConfig positions = small_config();
  positions.masking.unit = MaskUnit::position;
  ModelConfig dense_stages = small_config();
  dense_stages.encoder.masked_conv = false;
  for (const ModelConfig& config :
       {small_config(), fast, positions, dense_stages, small_vit_config()}) {
    const auto model = make_random_model(config, 1);
    const at::Tensor images = random_images(config, 2);
    const at::Tensor noise = torch::rand({2, model->noise_length()});
    const ReadBacks read_backs;
    model->forward(images, noise, Predict::removed).loss.backward();
    EXPECT_EQ(read_backs.found(), 0) << to_string(config.method);
  }
}

TEST(ReadBacks, ClassifiersHaveNone) {
  for (const ClassifierHead head : {ClassifierHead::linear, ClassifierHead::probe}) {
    Classifier model(
        {.encoder = small_config().encoder, .pool = Pool::mean, .head = head, .num_classes = 3});
    model.initialise(1);
    const std::vector<double> rates = drop_path_rates(0.3, model.encoder().num_blocks());
    const at::Tensor draws = torch::rand({drop_path_draws(rates), 2});
    const at::Tensor images = random_images(small_config(), 2).to(torch::kFloat);
    const ReadBacks read_backs;
    model.forward(images, drop_path(rates, draws)).sum().backward();
    model.commit_statistics();
    EXPECT_EQ(read_backs.found(), 0);
  }
}

}  // namespace
}  // namespace convmae
