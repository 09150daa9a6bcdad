#include "convmae/pretrain/held_out_loss.h"

#include "convmae/pretrain/pixel_mask.h"
#include "convmae/pretrain/reconstruction.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <memory>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// For images of 8x8 pixels, which are 2x2 blocks.
std::shared_ptr<PretrainModel> model_of(MaskUnit unit, std::vector<std::int64_t> strides,
                                        bool norm_pix_loss) {
  ModelConfig config = tiny_config();
  config.encoder.img_size = {8, 8};
  config.encoder.patch_size = std::move(strides);
  config.masking.unit = unit;
  config.decoder.norm_pix_loss = norm_pix_loss;
  return make_pretrain_model(config);
}

TEST(PixelMask, RepeatsEachEntryOverItsSquare) {
  const at::Tensor mask = at::tensor({1.0F, 0.0F, 0.0F, 1.0F, 0.0F, 1.0F}).view({1, 6});
  const at::Tensor pixels = pixel_mask(mask, {32, 48});  // 2 x 3 blocks of 16
  ASSERT_EQ(pixels.sizes(), (at::IntArrayRef{1, 1, 32, 48}));
  for (std::int64_t y = 0; y < 32; ++y) {
    for (std::int64_t x = 0; x < 48; ++x) {
      ASSERT_EQ(pixels[0][0][y][x].item<float>(), mask[0][y / 16 * 3 + x / 16].item<float>());
    }
  }
}

TEST(PixelMask, CoversWhatAModelDoesNotSee) {
  at::manual_seed(0);
  const at::NoGradGuard no_grad;
  for (const std::vector<std::int64_t>& strides :
       {std::vector<std::int64_t>{4, 2, 2}, {2, 3, 1}, {4, 1, 4}}) {
    ModelConfig config = tiny_config();
    config.masking.unit = MaskUnit::position;
    config.encoder.patch_size = strides;
    config.encoder.img_size = {96, 48};
    const auto model = make_pretrain_model(config);
    model->initialise(1);
    const at::Tensor images = at::randn({2, 3, 96, 48});
    const at::Tensor noise = at::rand({2, model->noise_length()});
    const PretrainOutput output = model->forward(images, noise, Predict::all);
    const at::Tensor removed = pixel_mask(output.mask, config.encoder.img_size);
    const at::Tensor other = images + 100 * removed;
    EXPECT_TRUE(at::equal(model->forward(other, noise, Predict::all).pred, output.pred));
    EXPECT_FALSE(at::equal(model->forward(images + 100 * (1 - removed), noise, Predict::all).pred,
                           output.pred));
    const std::vector<Reconstruction> pictures =
        reconstruct(*model, images, output,
                    {{0.5, 0.5, 0.5}, {0.2, 0.2, 0.2}, config.encoder.img_size}, {"a", "b"});
    for (std::int64_t i = 0; i < 2; ++i) {
      const Reconstruction& picture = pictures[static_cast<std::size_t>(i)];
      ASSERT_EQ(picture.block, strides[0]);
      for (std::int64_t place = 0; place < output.mask.size(1); ++place) {
        const std::int64_t y = place / (48 / strides[0]) * strides[0];
        const std::int64_t x = place % (48 / strides[0]) * strides[0];
        ASSERT_EQ(picture.views[0].removed[static_cast<std::size_t>(place)] != 0,
                  removed[i][0][y][x].item<float>() != 0);
      }
    }
  }
}

TEST(BaselineLoss, PredictsTheVisibleMeanOfEachChannel) {
  at::manual_seed(0);
  const at::Tensor images = at::randn({2, 3, 8, 8});
  const auto model = model_of(MaskUnit::block, {2, 2, 1}, /*norm_pix_loss=*/false);
  // Two views of each image, 2 x 2 blocks of 4 pixels.
  const at::Tensor mask =
      at::tensor({1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0}).to(at::kFloat).view({4, 4});
  double error = 0;
  double count = 0;
  for (std::int64_t row = 0; row < 4; ++row) {
    const at::Tensor image = images[row % 2];
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      std::vector<double> visible;
      std::vector<double> removed;
      for (std::int64_t y = 0; y < 8; ++y) {
        for (std::int64_t x = 0; x < 8; ++x) {
          const bool is_removed = mask[row][y / 4 * 2 + x / 4].item<float>() == 1;
          (is_removed ? removed : visible).push_back(image[channel][y][x].item<double>());
        }
      }
      double mean = 0;
      for (const double value : visible) mean += value / static_cast<double>(visible.size());
      for (const double value : removed) error += (value - mean) * (value - mean);
      count += static_cast<double>(removed.size());
    }
  }
  EXPECT_NEAR(baseline_loss(*model, images, mask), error / count, 1e-6);
}

TEST(BaselineLoss, OfNormalisedTargetsIsTheirVariance) {
  at::manual_seed(0);
  const at::Tensor images = at::randn({2, 3, 8, 8});
  const auto model = model_of(MaskUnit::block, {2, 2, 1}, /*norm_pix_loss=*/true);
  const at::Tensor mask = at::tensor({1, 0, 1, 1, 0, 1, 1, 1}).to(at::kFloat).view({2, 4});
  // Unbiased normalisation of n = 48 numbers leaves (n - 1) / n.
  EXPECT_NEAR(baseline_loss(*model, images, mask), 47.0 / 48, 1e-4);
}

/// A model that predicts nothing has the loss of the baseline.
TEST(BaselineLoss, OfNormalisedTargetsIsThatOfAModelWhichPredictsZero) {
  at::manual_seed(0);
  const at::NoGradGuard no_grad;
  for (const MaskUnit unit : {MaskUnit::block, MaskUnit::position}) {
    const auto model = model_of(unit, {2, 1, 2}, /*norm_pix_loss=*/true);
    model->initialise(1);
    model->named_parameters()["decoder_pred.weight"].zero_();
    model->named_parameters()["decoder_pred.bias"].zero_();
    // Contrasts differ between places, so that another mask has another loss.
    const at::Tensor images = at::randn({2, 3, 8, 8}) * at::arange(64).view({8, 8}).remainder(7);
    const PretrainOutput output =
        model->forward(images, at::rand({2, model->noise_length()}), Predict::removed);
    EXPECT_NEAR(baseline_loss(*model, images, output.mask), output.loss.item<double>(), 1e-5);
  }
}

TEST(MaskNoise, IsAFunctionOfSeedEpochAndPosition) {
  const std::vector<std::int64_t> positions{5, 6, 7};
  const std::vector<std::int64_t> one{6};
  const at::Tensor noise = mask_noise(1, 2, positions, 50);
  EXPECT_TRUE(at::equal(noise.slice(0, 1, 2), mask_noise(1, 2, one, 50)));
  EXPECT_FALSE(at::equal(noise.slice(0, 1, 2), mask_noise(1, 3, one, 50)));
  EXPECT_FALSE(at::equal(noise.slice(0, 1, 2), mask_noise(2, 2, one, 50)));
  EXPECT_FALSE(at::equal(noise[0], noise[1]));
  EXPECT_GE(noise.min().item<float>(), 0);
  EXPECT_LT(noise.max().item<float>(), 1);
}

}  // namespace
}  // namespace convmae
