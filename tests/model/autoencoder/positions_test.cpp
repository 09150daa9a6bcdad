#include "convmae/model/autoencoder/masked_autoencoder.h"
#include "convmae/model/classifier.h"

#include <gtest/gtest.h>

#include "support/small_models.h"
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

constexpr const char* kTable = "blocks3.1.attn.relative_position_bias_table";

ModelConfig with(PositionEncoding position) {
  ModelConfig config = small_config();
  config.encoder.position = position;
  return config;
}

/// What an encoder has of positions, whichever way it knows them.
std::vector<std::string> position_names(const torch::nn::Module& model) {
  std::vector<std::string> names;
  for (const auto& p : model.named_parameters()) {
    const bool relative = p.key().ends_with("relative_position_bias_table");
    if (p.key() == "pos_embed" || relative) names.push_back(p.key());
  }
  return names;
}

/// Along a random direction in the space of all parameters, of the whole model and of the tables
/// alone, the loss rises as the gradient says.
TEST(Positions, GradientsOfTheWholeAreDifferencesOfTheLoss) {
  for (const Method method : {Method::convmae, Method::fastconvmae}) {
    for (const MaskUnit unit : {MaskUnit::block, MaskUnit::position}) {
      if (method == Method::fastconvmae && unit == MaskUnit::position) continue;
      ModelConfig config = with(PositionEncoding::relative);
      config.method = method;
      config.masking.groups = 5;
      config.masking.unit = unit;
      const auto model = make_random_model(config, 4);
      const at::Tensor images = random_images(config, 2);
      const at::Tensor noise = torch::rand({2, model->noise_length()});
      const auto loss = [&] { return model->forward(images, noise, Predict::all).loss; };
      loss().backward();
      const torch::NoGradGuard no_grad;
      for (const bool tables_alone : {false, true}) {
        double slope = 0;
        std::vector<std::pair<at::Tensor, at::Tensor>> moves;
        for (const auto& p : model->named_parameters()) {
          const bool table = p.key().ends_with("relative_position_bias_table");
          if (!p.value().requires_grad() || (tables_alone && !table)) continue;
          const at::Tensor step = torch::randn_like(p.value());
          slope += (p.value().grad() * step).sum().item<double>();
          moves.emplace_back(p.value(), step);
        }
        const auto loss_at = [&](double distance) {
          for (const auto& [parameter, step] : moves) parameter.add_(step, distance);
          const auto found = loss().item<double>();
          for (const auto& [parameter, step] : moves) parameter.add_(step, -distance);
          return found;
        };
        constexpr double kStep = 1e-5;
        const double rise = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
        EXPECT_GT(std::abs(slope), 1e-4);
        EXPECT_NEAR(rise / slope, 1, 1e-5) << to_string(method) << " " << tables_alone;
      }
    }
  }
}

TEST(Positions, AreWhatTheConfigurationSays) {
  const auto names = [](PositionEncoding position) {
    const ModelConfig config = with(position);
    const ClassifierConfig classifier{config.encoder, Pool::mean, ClassifierHead::linear, 3};
    std::vector<std::string> found = position_names(*make_pretrain_model(config));
    EXPECT_EQ(found, position_names(Classifier(classifier)));
    return found;
  };
  EXPECT_EQ(names(PositionEncoding::sincos), std::vector<std::string>{"pos_embed"});
  EXPECT_EQ(names(PositionEncoding::relative),
            (std::vector<std::string>{"blocks3.0.attn.relative_position_bias_table", kTable}));
  EXPECT_TRUE(names(PositionEncoding::none).empty());
}

/// Where tables are zero there are no positions, which is how a new model starts.
TEST(Positions, NewTablesAreZeroAndChangeNothing) {
  const auto relative = make_pretrain_model(with(PositionEncoding::relative));
  const auto none = make_pretrain_model(with(PositionEncoding::none));
  relative->initialise(3);
  none->initialise(3);
  const ModelConfig config = small_config();
  const at::Tensor images = random_images(config, 2).to(torch::kFloat);
  const at::Tensor noise = torch::rand({2, 12});
  const torch::NoGradGuard no_grad;
  const auto loss = [&](PretrainModel& model) {
    return model.forward(images, noise, Predict::removed).loss.item<double>();
  };
  const double without = loss(*none);
  EXPECT_NEAR(loss(*relative), without, 1e-5 * without);
  relative->named_parameters()[kTable].normal_(0, 1);
  EXPECT_GT(std::abs(loss(*relative) - without), 1e-5 * without);
}

/// Relative positions know distances alone: an image that is moved by whole blocks gives the tokens
/// of the image, moved, where neither has a border to tell them apart.
TEST(Positions, RelativeOnesDoNotSeeWhereAnImageLies) {
  for (const PositionEncoding position :
       {PositionEncoding::relative, PositionEncoding::none, PositionEncoding::sincos}) {
    ModelConfig config = with(position);
    config.encoder.kernel_size = {1, 1};
    auto model = std::dynamic_pointer_cast<MaskedAutoencoder>(make_random_model(config, 6));
    const torch::NoGradGuard no_grad;
    const at::Tensor images = random_images(config, 1);
    const at::Tensor moved = images.roll({16, 16}, {2, 3});
    // Four blocks of three rows by four columns, and the same one row and one column further.
    const auto latent = [&](const at::Tensor& pixels, const std::vector<int64_t>& kept) {
      at::Tensor noise = torch::ones({1, 12});
      for (const int64_t block : kept) noise[0][block] = 0;
      return model->encoder().forward(pixels, sample_blocks(noise, 4, {3, 4}));
    };
    const at::Tensor here = latent(images, {0, 2, 4, 5});
    const at::Tensor there = latent(moved, {5, 7, 9, 10});
    const auto difference = (here - there).abs().max().item<double>();
    if (position == PositionEncoding::sincos) {
      EXPECT_GT(difference, 1e-3);
    } else {
      EXPECT_LT(difference, 1e-10) << to_string(position);
    }
  }
}

TEST(Positions, OfMaeAreAbsoluteOrNone) {
  ModelConfig config = small_vit_config();
  config.encoder.position = PositionEncoding::none;
  const auto model = make_random_model(config, 2);
  EXPECT_TRUE(position_names(*model).empty());
  // Without them the order of an image's patches is nothing to the encoder.
  const torch::NoGradGuard no_grad;
  const at::Tensor images = random_images(config, 1);
  const at::Tensor map = model->feature_maps(images)[0];
  const at::Tensor rolled = model->feature_maps(images.roll({16, 32}, {2, 3}))[0];
  EXPECT_TRUE(torch::allclose(map.roll({1, 2}, {2, 3}), rolled, 1e-9, 1e-11));
}

}  // namespace
}  // namespace convmae
