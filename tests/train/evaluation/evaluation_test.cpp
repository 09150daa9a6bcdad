#include "convmae/train/evaluation/evaluation.h"

#include "convmae/train/evaluation/batches.h"
#include "convmae/train/evaluation/pixel_mask.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

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

TEST(BaselineLoss, PredictsTheVisibleMeanOfEachChannel) {
  at::manual_seed(0);
  const at::Tensor images = at::randn({2, 3, 8, 8});
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
  EXPECT_NEAR(baseline_loss(images, mask, /*normalised_targets=*/false), error / count, 1e-6);
}

TEST(BaselineLoss, OfNormalisedTargetsIsTheirVariance) {
  at::manual_seed(0);
  const at::Tensor images = at::randn({2, 3, 8, 8});
  const at::Tensor mask = at::tensor({1, 0, 1, 1, 0, 1, 1, 1}).to(at::kFloat).view({2, 4});
  // Unbiased normalisation of n = 48 numbers leaves (n - 1) / n.
  EXPECT_NEAR(baseline_loss(images, mask, /*normalised_targets=*/true), 47.0 / 48, 1e-4);
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
