#include "convmae/model/autoencoder/masked_autoencoder.h"

#include "convmae/model/dense_formulation.h"

#include <gtest/gtest.h>

#include "support/small_models.h"
#include <array>
#include <random>

namespace convmae {
namespace {

double worst(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return ((a - b).abs().max() / b.abs().max().clamp_min(1)).item<double>();
}

/// Values and every gradient of the visible path against the plain dense formulation.
void expect_equals_dense(const ModelConfig& config, uint64_t seed) {
  auto model = std::dynamic_pointer_cast<MaskedAutoencoder>(make_random_model(config, seed));
  const at::Tensor images = random_images(config, 2);
  const at::Tensor noise = torch::rand({2, model->noise_length()});
  const Visibility visibility = model->passes(noise).at(0);

  dense::Parameters parameters;
  for (const auto& p : model->named_parameters()) {
    parameters[p.key()] = p.value().detach().clone().requires_grad_(p.value().requires_grad());
  }
  const dense::Output expected =
      dense::convmae_forward(parameters, config, images, 1 - visibility.mask().to(torch::kDouble));
  expected.loss.backward();

  const at::Tensor latent = model->encoder().forward(images, visibility);
  EXPECT_LE(worst(latent, expected.latent), 1e-10);
  EXPECT_LE(worst(model->forward(images, noise, Predict::all).pred, expected.pred), 1e-10);
  const at::Tensor loss = model->forward(images, noise, Predict::removed).loss;
  EXPECT_LE(worst(loss, expected.loss), 1e-10);
  loss.backward();
  for (const auto& p : model->named_parameters()) {
    const at::Tensor& theirs = parameters.at(p.key()).grad();
    const at::Tensor& ours = p.value().grad();
    ASSERT_EQ(ours.defined(), theirs.defined()) << p.key();
    if (ours.defined()) {
      EXPECT_LE(worst(ours, theirs), 1e-10) << p.key();
    }
  }
}

TEST(MaskedAutoencoder, EqualsTheDenseFormulationForEveryKernel) {
  for (int64_t kernel = 1; kernel <= 15; kernel += 2) {
    SCOPED_TRACE(kernel);
    ModelConfig config = small_config();
    config.encoder.kernel_size = {kernel, 16 - kernel};
    expect_equals_dense(config, static_cast<uint64_t>(kernel));
  }
}

TEST(MaskedAutoencoder, EqualsTheDenseFormulationOnGridsSmallerThanTheReach) {
  for (const Size grid : {Size{1, 2}, Size{2, 1}, Size{2, 2}, Size{1, 5}}) {
    ModelConfig config = small_config();
    config.encoder.img_size = {grid.height * 16, grid.width * 16};
    config.masking.ratio = 0.5;
    config.encoder.kernel_size = {15, 13};
    expect_equals_dense(config, 1);
  }
}

TEST(MaskedAutoencoder, EqualsTheDenseFormulationOnRandomGeometries) {
  std::mt19937 random(11);
  const auto draw = [&random](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (uint64_t i = 0; i < 24; ++i) {
    ModelConfig config = small_config();
    config.encoder.patch_size = {draw(1, 3), draw(1, 3), draw(1, 3)};
    const int64_t block =
        config.encoder.patch_size[0] * config.encoder.patch_size[1] * config.encoder.patch_size[2];
    config.encoder.img_size = {block * draw(2, 4), block * draw(2, 4)};
    config.encoder.in_chans = draw(1, 4);
    config.masking.ratio = 0.3 + 0.05 * static_cast<double>(draw(0, 8));
    config.decoder.norm_pix_loss = i % 2 == 1 && block > 1;
    config.encoder.fusion = i % 5 != 0;
    config.encoder.masked_conv = i % 4 != 0;
    config.encoder.position =
        std::array{PositionEncoding::sincos, PositionEncoding::relative, PositionEncoding::relative,
                   PositionEncoding::none}[i % 7 % 4];
    config.encoder.kernel_size = {2 * draw(0, 4) + 1, 2 * draw(0, 4) + 1};
    SCOPED_TRACE(to_json(config));
    expect_equals_dense(config, i);
  }
}

/// Other pixels in the removed blocks.
at::Tensor disturb(const at::Tensor& images, const at::Tensor& removed_pixels) {
  return torch::where(removed_pixels > 0, torch::randn_like(images) * 1e3, images);
}

TEST(MaskedAutoencoder, NoBitOfTheLatentDependsOnRemovedPixels) {
  const ModelConfig config = small_config();
  auto model = std::dynamic_pointer_cast<MaskedAutoencoder>(make_random_model(config, 3));
  model->to(torch::kFloat);
  const torch::NoGradGuard no_grad;
  const at::Tensor images = random_images(config, 2).to(torch::kFloat);
  const at::Tensor noise = torch::rand({2, model->noise_length()});
  const Visibility visibility = model->passes(noise).at(0);
  const at::Tensor removed_pixels =
      visibility.mask().view({2, 1, 3, 4}).repeat_interleave(16, 2).repeat_interleave(16, 3);
  const at::Tensor latent = model->encoder().forward(images, visibility);
  const at::Tensor disturbed =
      model->encoder().forward(disturb(images, removed_pixels), visibility);
  EXPECT_TRUE(torch::equal(latent, disturbed));
  // The counterpart: a visible pixel does matter.
  const at::Tensor other =
      model->encoder().forward(disturb(images, 1 - removed_pixels), visibility);
  EXPECT_FALSE(torch::equal(latent, other));
}

TEST(MaskedAutoencoder, PositionWiseMaskingHidesRemovedPositions) {
  // Nested and raster order of a block's positions differ for the first alone, those of an image's
  // positions for all.
  for (const std::vector<int64_t>& strides :
       {std::vector<int64_t>{4, 2, 2}, {2, 3, 1}, {1, 2, 3}, {2, 1, 2}}) {
    SCOPED_TRACE(strides[0]);
    ModelConfig config = small_config();
    config.masking.unit = MaskUnit::position;
    config.encoder.patch_size = strides;
    const int64_t side = strides[1] * strides[2];
    const int64_t block = strides[0] * side;
    config.encoder.img_size = {3 * block, 4 * block};
    auto model = make_random_model(config, 3);
    const torch::NoGradGuard no_grad;
    const at::Tensor images = random_images(config, 2);
    const int64_t length = 12 * side * side;
    const at::Tensor noise = torch::rand({2, model->noise_length()});
    EXPECT_EQ(model->noise_length(), length);
    const PretrainOutput output = model->forward(images, noise, Predict::all);
    // Noise and mask have one order: the largest noise is removed.
    const at::Tensor rank = noise.argsort(1, false).argsort(1, false);
    EXPECT_TRUE(torch::equal(output.mask > 0, rank >= num_kept(length, config.masking.ratio)));

    const at::Tensor removed_pixels = output.mask.view({2, 1, 3 * side, 4 * side})
                                          .repeat_interleave(strides[0], 2)
                                          .repeat_interleave(strides[0], 3);
    const PretrainOutput disturbed =
        model->forward(disturb(images, removed_pixels), noise, Predict::all);
    EXPECT_TRUE(torch::equal(output.pred, disturbed.pred));
    const PretrainOutput other =
        model->forward(disturb(images, 1 - removed_pixels), noise, Predict::all);
    EXPECT_FALSE(torch::equal(output.pred, other.pred));
    // The loss reads exactly the removed pixels.
    const auto blocks = [block](const at::Tensor& pixels) {
      return pixels.reshape({2, 3, 3, block, 4, block})
          .permute({0, 2, 4, 3, 5, 1})
          .reshape({2, 12, 3 * block * block});
    };
    const at::Tensor weights = blocks(removed_pixels.expand_as(images));
    const at::Tensor error = (output.pred - blocks(images)).square();
    const at::Tensor loss = (error * weights).sum() / weights.sum();
    EXPECT_NEAR(output.loss.item<double>(), loss.item<double>(), 1e-10);
  }
}

TEST(MaskedAutoencoder, WithoutFusionItsParametersDoNotExist) {
  ModelConfig config = small_config();
  const auto whole = make_random_model(config, 1)->named_parameters();
  config.encoder.fusion = false;
  const auto model = make_random_model(config, 1);
  for (const auto& parameter : whole) {
    const bool of_fusion = parameter.key().find("output_decode") != std::string::npos;
    EXPECT_NE(model->named_parameters().contains(parameter.key()), of_fusion) << parameter.key();
  }
  model->forward(random_images(config, 2), torch::rand({2, 12}), Predict::removed).loss.backward();
  for (const auto& parameter : model->named_parameters()) {
    EXPECT_EQ(parameter.value().grad().defined(), parameter.value().requires_grad())
        << parameter.key() << ": every parameter is trained";
  }
}

TEST(MaskedAutoencoder, FastConvMaeEqualsOrdinaryPassesOverItsGroups) {
  for (const int64_t groups : {2, 3, 4, 5}) {
    ModelConfig config = small_config();
    config.method = Method::fastconvmae;
    config.masking.groups = groups;
    auto model = std::dynamic_pointer_cast<MaskedAutoencoder>(make_random_model(config, 9));
    const at::Tensor images = random_images(config, 2);
    const at::Tensor noise = torch::rand({2, model->noise_length()});
    const PretrainOutput fast = model->forward(images, noise, Predict::all);
    ASSERT_EQ(fast.pred.size(0), groups * 2);

    dense::Parameters parameters;
    for (const auto& p : model->named_parameters()) parameters[p.key()] = p.value();
    const at::Tensor rank = noise.argsort(1, false).argsort(1, false);
    double sum = 0;
    double count = 0;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t size = 12 / groups;
      const int64_t end = g + 1 == groups ? 12 : (g + 1) * size;
      const at::Tensor keep = ((rank >= g * size) & (rank < end)).to(torch::kDouble);
      const dense::Output one = dense::convmae_forward(parameters, config, images, keep);
      EXPECT_LE(worst(fast.pred.narrow(0, 2 * g, 2), one.pred), 1e-10);
      EXPECT_TRUE(torch::equal(fast.mask.narrow(0, 2 * g, 2), (1 - keep).to(torch::kFloat)));
      const auto removed = (1 - keep).sum().item<double>();
      sum += one.loss.item<double>() * removed;
      count += removed;
    }
    EXPECT_NEAR(fast.loss.item<double>(), sum / count, 1e-10);
  }
}

/// Cosine of the angle between two gradients.
double cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(torch::kDouble).flatten();
  const at::Tensor y = b.to(torch::kDouble).flatten();
  return (x.dot(y) / (x.norm() * y.norm()).clamp_min(1e-30)).item<double>();
}

TEST(MaskedAutoencoder, ComputesInBfloat16WithFloat32Parameters) {
  for (const Method method : {Method::convmae, Method::fastconvmae, Method::mae}) {
    ModelConfig config = method == Method::mae ? small_vit_config() : small_config();
    config.method = method;
    const auto exact = make_random_model(config, 5);
    const auto model = make_random_model(config, 5);
    model->to(torch::kFloat);
    model->use({.type = torch::kBFloat16});
    const at::Tensor images = random_images(config, 3);
    const at::Tensor noise = torch::rand({3, exact->noise_length()});
    const PretrainOutput expected = exact->forward(images, noise, Predict::all);
    const PretrainOutput output = model->forward(images.to(torch::kFloat), noise, Predict::all);
    EXPECT_EQ(output.pred.scalar_type(), torch::kBFloat16);
    EXPECT_EQ(output.loss.scalar_type(), torch::kFloat);
    for (const at::Tensor& map : model->feature_maps(images.to(torch::kFloat))) {
      EXPECT_EQ(map.scalar_type(), torch::kBFloat16);
    }
    EXPECT_NEAR(output.loss.item<double>() / expected.loss.item<double>(), 1, 0.01);
    expected.loss.backward();
    output.loss.backward();
    const auto gradients = exact->named_parameters();
    for (const auto& parameter : model->named_parameters()) {
      if (!parameter.value().requires_grad()) continue;
      const at::Tensor& gradient = parameter.value().grad();
      ASSERT_TRUE(gradient.defined()) << parameter.key();
      EXPECT_EQ(gradient.scalar_type(), torch::kFloat) << parameter.key();
      const at::Tensor& exact_gradient = gradients[parameter.key()].grad();
      EXPECT_GT(cosine(gradient, exact_gradient), 0.98) << parameter.key();
      EXPECT_NEAR((gradient.norm() / exact_gradient.norm()).item<double>(), 1, 0.1)
          << parameter.key();
    }
  }
}

TEST(MaskedAutoencoder, RefusesNoiseOfAnotherLength) {
  auto model = make_random_model(small_config(), 1);
  const at::Tensor images = random_images(small_config(), 2);
  EXPECT_THROW(model->forward(images, torch::rand({2, 11}), Predict::all), c10::Error);
  EXPECT_THROW(model->forward(images.narrow(2, 0, 32), torch::rand({2, 12}), Predict::all),
               c10::Error);
}

}  // namespace
}  // namespace convmae
