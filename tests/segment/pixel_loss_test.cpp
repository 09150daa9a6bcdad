#include "convmae/segment/pixel_loss.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/utils.h>

#include <utility>
#include <vector>

namespace convmae {
namespace {

struct PixelCase {
  at::Tensor logits;  ///< float64, with a gradient
  at::Tensor labels;
};

PixelCase random_pixels(at::IntArrayRef logits, at::IntArrayRef labels) {
  torch::manual_seed(3);
  PixelCase result{at::randn(logits, at::kDouble).mul_(2).requires_grad_(true),
                   at::randint(0, logits[1], labels, at::kByte)};
  result.labels.masked_fill_(at::rand(labels) < 0.2, 255);
  return result;
}

/// The same from the library's functions, with everything at full size.
at::Tensor plain_loss(const PixelCase& pixels, const PixelLossOptions& options) {
  const at::Tensor resized =
      at::upsample_bilinear2d(pixels.logits, pixels.labels.sizes().slice(1), false);
  const at::Tensor losses =
      at::cross_entropy_loss(resized, pixels.labels.to(at::kLong), options.class_weights,
                             at::Reduction::None, options.ignored);
  if (options.average == LossAverage::all) return losses.mean();
  const at::Tensor valid = pixels.labels != options.ignored;
  if (!options.class_weights) return losses.sum() / valid.sum();
  const at::Tensor classes = (pixels.labels * valid).to(at::kLong);
  return losses.sum() / (options.class_weights->index({classes}) * valid).sum();
}

std::vector<PixelLossOptions> all_options() {
  const at::Tensor weights = at::tensor({0.5, 2.0, 0.0, 1.0, 3.0}, at::kDouble);
  return {{LossAverage::all},
          {LossAverage::valid},
          {LossAverage::all, weights},
          {LossAverage::valid, weights}};
}

/// Maps that grow, shrink and stay, whose rows make several strips and one.
TEST(PixelLoss, IsThePlainFormulation) {
  const std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> shapes{
      {{2, 5, 6, 4}, {2, 24, 16}},
      {{1, 5, 3, 7}, {1, 10, 9}},
      {{3, 5, 8, 8}, {3, 5, 4}},
      {{2, 5, 4, 4}, {2, 4, 4}},
      {{1, 5, 40, 1}, {1, 500, 2000}}};
  for (const auto& [logits, labels] : shapes) {
    const PixelCase pixels = random_pixels(logits, labels);
    for (const PixelLossOptions& options : all_options()) {
      const at::Tensor expected = plain_loss(pixels, options);
      const at::Tensor expected_grad =
          torch::autograd::grad({expected * 3}, {pixels.logits}).front();
      const at::Tensor loss = pixel_loss(pixels.logits, pixels.labels, options);
      EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-9);
      const at::Tensor grad = torch::autograd::grad({loss * 3}, {pixels.logits}).front();
      EXPECT_TRUE(at::allclose(grad, expected_grad, 1e-8, 1e-12));
    }
  }
}

TEST(PixelLoss, HasTheGradientOfItsDifferences) {
  PixelCase pixels = random_pixels({1, 3, 2, 2}, {1, 5, 4});
  pixels.labels.remainder_(3);
  const at::Tensor grad =
      torch::autograd::grad({pixel_loss(pixels.logits, pixels.labels)}, {pixels.logits}).front();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  const at::Tensor flat = pixels.logits.view({-1});
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    flat[i] += kStep;
    const auto above = pixel_loss(pixels.logits, pixels.labels).item<double>();
    flat[i] -= 2 * kStep;
    const auto below = pixel_loss(pixels.logits, pixels.labels).item<double>();
    flat[i] += kStep;
    EXPECT_NEAR(grad.view({-1})[i].item<double>(), (above - below) / (2 * kStep), 1e-9);
  }
}

TEST(PixelLoss, OfNothingIsZeroWithAGradientOfZero) {
  PixelCase pixels = random_pixels({2, 5, 3, 3}, {2, 6, 6});
  pixels.labels.fill_(255);
  const PixelCase none{at::zeros({0, 5, 3, 3}, at::kDouble).requires_grad_(true),
                       at::zeros({0, 6, 6}, at::kByte)};
  for (const PixelCase& nothing : {pixels, none}) {
    for (const PixelLossOptions& options : all_options()) {
      const at::Tensor loss = pixel_loss(nothing.logits, nothing.labels, options);
      EXPECT_EQ(loss.item<double>(), 0);
      const at::Tensor grad = torch::autograd::grad({loss}, {nothing.logits}).front();
      EXPECT_TRUE(at::equal(grad, at::zeros_like(grad)));
    }
  }
}

TEST(PixelLoss, IsFloat32OfLowerPrecision) {
  const PixelCase pixels = random_pixels({2, 5, 6, 4}, {2, 24, 16});
  const at::Tensor low = pixels.logits.detach().to(at::kBFloat16).requires_grad_(true);
  const at::Tensor loss = pixel_loss(low, pixels.labels);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_NEAR(loss.item<double>(),
              pixel_loss(low.detach().to(at::kDouble), pixels.labels).item<double>(), 1e-5);
  EXPECT_EQ(torch::autograd::grad({loss}, {low}).front().scalar_type(), at::kBFloat16);
}

TEST(PixelLoss, TakesLabelsOfAnyIntegerType) {
  const PixelCase pixels = random_pixels({2, 5, 6, 4}, {2, 24, 16});
  const auto expected = pixel_loss(pixels.logits, pixels.labels).item<double>();
  for (const at::ScalarType type : {at::kShort, at::kInt, at::kLong}) {
    at::Tensor labels = pixels.labels.to(type);
    EXPECT_EQ(pixel_loss(pixels.logits, labels).item<double>(), expected);
    labels.masked_fill_(labels == 255, -1);
    EXPECT_EQ(pixel_loss(pixels.logits, labels, {.ignored = -1}).item<double>(), expected);
  }
}

TEST(PixelLoss, RefusesWhatItCannotMean) {
  PixelCase pixels = random_pixels({2, 5, 6, 4}, {2, 24, 16});
  EXPECT_THROW(pixel_loss(pixels.logits, pixels.labels, {.class_weights = at::ones({4})}),
               c10::Error);
  const at::Tensor loss = pixel_loss(pixels.logits, pixels.labels);
  EXPECT_THROW(torch::autograd::grad({loss}, {pixels.logits}, {}, {}, /*create_graph=*/true),
               c10::Error);
  pixels.labels[0][0][0] = 5;
  EXPECT_THROW(pixel_loss(pixels.logits, pixels.labels), c10::Error);
  EXPECT_THROW(pixel_loss(pixels.logits, pixels.labels.narrow(0, 0, 1)), c10::Error);
}

TEST(PixelLoss, AveragesHaveNames) {
  EXPECT_EQ(parse_loss_average("all"), LossAverage::all);
  EXPECT_EQ(parse_loss_average("valid"), LossAverage::valid);
  EXPECT_THROW(parse_loss_average("mean"), UserError);
}

}  // namespace
}  // namespace convmae
