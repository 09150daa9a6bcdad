#include "convmae/detect/roi_targets.h"

#include "convmae/detect/roi_losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "support/small_detectors.h"
#include <cmath>
#include <numeric>

namespace convmae {
namespace {

SubsetDraw from_the_start() {
  return [](std::int64_t /*n*/, std::int64_t count) {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  };
}

constexpr Size kFortyPixels{40, 40};
constexpr std::int64_t kSide = 4;

/// The left halves of two objects, one as a polygon and one as pixels; nothing of a third.
ObjectTargets three_objects() {
  PixelMask left{{20, 20, 8, 4}, std::vector<std::uint8_t>(32, 1)};
  return {
      at::tensor({0.F, 0.F, 8.F, 8.F, 20.F, 20.F, 28.F, 28.F, 0.F, 30.F, 8.F, 38.F}).view({3, 4}),
      at::tensor({2, 0, 3}, at::kLong),
      {std::vector<Polygon>{{0, 0, 4, 0, 4, 8, 0, 8}}, left, std::monostate()}};
}

at::Tensor two_proposals() {
  return at::tensor({1.F, 0.F, 8.F, 8.F, 30.F, 0.F, 38.F, 8.F}).view({2, 4});
}

RoiTargets targets_of(const ObjectTargets& objects, std::int64_t batch = 16) {
  DetectorConfig config = small_detector("alpha");
  config.roi.batch = batch;
  return roi_targets(two_proposals(), objects, config, from_the_start());
}

TEST(RoiTargets, AreProposalsAndTheObjectsThemselves) {
  const RoiTargets targets = targets_of(three_objects());
  EXPECT_TRUE(at::equal(targets.sampled, at::tensor({0, 2, 3, 4, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(targets.classes, at::tensor({2, 2, 0, 3, 4}, at::kLong)));
  EXPECT_TRUE(at::equal(targets.foreground, at::tensor({0, 1, 2, 3}, at::kLong)));
  EXPECT_TRUE(at::equal(targets.objects.narrow(0, 0, 4), at::tensor({0, 0, 1, 2}, at::kLong)));
  EXPECT_NEAR(targets.target_deltas[0][0].item<float>(), 10 * -0.5 / 7, 1e-5);
  EXPECT_NEAR(targets.target_deltas[0][2].item<float>(), 5 * std::log(8.0 / 7), 1e-5);
  EXPECT_EQ(targets.target_deltas.narrow(0, 1, 3).abs().max().item<float>(), 0);
}

TEST(RoiTargets, KeepToTheShareOfObjects) {
  const RoiTargets targets = targets_of(three_objects(), /*batch=*/4);
  EXPECT_EQ(targets.foreground.size(0), 1);
  EXPECT_EQ(targets.classes.size(0), 2) << "there is one background box only";
}

TEST(RoiTargets, WithoutObjectsAreBackground) {
  const RoiTargets targets = targets_of(no_objects());
  EXPECT_TRUE(at::equal(targets.classes, at::tensor({4, 4}, at::kLong)));
  EXPECT_EQ(targets.foreground.size(0), 0);
  EXPECT_EQ(mask_targets(targets, no_objects(), kFortyPixels, kSide).masks.size(0), 0);
}

TEST(MaskTargets, AreOfObjectsThatHaveMasks) {
  const ObjectTargets objects = three_objects();
  const MaskTargets masks = mask_targets(targets_of(objects), objects, kFortyPixels, kSide);
  EXPECT_TRUE(at::equal(masks.rows, at::tensor({0, 1, 2}, at::kLong)));
  at::Tensor left = at::zeros({kSide, kSide}, at::kByte);
  left.narrow(1, 0, kSide / 2).fill_(1);
  EXPECT_TRUE(at::equal(masks.masks[1], left)) << "from a polygon";
  EXPECT_TRUE(at::equal(masks.masks[2], left)) << "from pixels";
  ObjectTargets bare = objects;
  bare.masks.clear();
  EXPECT_EQ(mask_targets(targets_of(bare), bare, kFortyPixels, kSide).rows.size(0), 0);
}

TEST(BoxLosses, LookAtTheirOwnClass) {
  const std::vector<RoiTargets> targets{targets_of(three_objects()), targets_of(no_objects())};
  const at::Tensor logits = at::zeros({7, 5}).requires_grad_(true);
  const at::Tensor deltas = at::zeros({7, 16}).requires_grad_(true);
  const BoxLosses losses = box_losses({logits, deltas}, targets, /*smooth_l1_beta=*/0);
  EXPECT_NEAR(losses.cls.item<double>(), std::log(5.0), 1e-6);
  const double wanted = 10 * 0.5 / 7 + 5 * std::log(8.0 / 7);
  EXPECT_NEAR(losses.box_reg.item<double>(), wanted / 7, 1e-5);
  losses.box_reg.backward();
  const at::Tensor touched = deltas.grad().ne(0).nonzero();
  EXPECT_TRUE(at::equal(touched, at::tensor({0, 8, 0, 10}, at::kLong).view({2, 2})))
      << "x and width of class 2 of the first box";
}

TEST(BoxLosses, WithoutObjectsAreFinite) {
  const std::vector<RoiTargets> targets{targets_of(no_objects())};
  const at::Tensor deltas = at::ones({2, 16}).requires_grad_(true);
  const BoxLosses losses = box_losses({at::zeros({2, 5}), deltas}, targets, 0);
  EXPECT_EQ(losses.box_reg.item<float>(), 0);
  losses.box_reg.backward();
  EXPECT_EQ(deltas.grad().abs().sum().item<float>(), 0);
}

TEST(MaskLoss, LooksAtTheirOwnClass) {
  at::Tensor logits = at::zeros({2, 3, 2, 2});
  logits[0][1].fill_(2);
  const at::Tensor masks = at::ones({2, 2, 2}, at::kByte);
  const auto loss = mask_loss(logits, at::tensor({1, 2}, at::kLong), masks).item<double>();
  EXPECT_NEAR(loss, (std::log1p(std::exp(-2.0)) + std::log(2.0)) / 2, 1e-6);
}

TEST(RoiLosses, OfNothingHaveGradientsOfZeros) {
  const at::Tensor weight = at::ones({5}).requires_grad_(true);
  const at::Tensor logits = at::empty({0, 5}) * weight;
  const at::Tensor deltas = at::empty({0, 16}) * weight.sum();
  RoiTargets nothing;
  nothing.classes = nothing.foreground = at::empty({0}, at::kLong);
  nothing.target_deltas = at::empty({0, 4});
  const BoxLosses boxes = box_losses({logits, deltas}, {&nothing, 1}, 0);
  const at::Tensor masks = mask_loss(at::empty({0, 3, 2, 2}) * weight.sum(),
                                     at::empty({0}, at::kLong), at::empty({0, 2, 2}, at::kByte));
  for (const at::Tensor& loss : {boxes.cls, boxes.box_reg, masks}) {
    EXPECT_EQ(loss.item<float>(), 0);
    weight.mutable_grad() = at::Tensor();
    loss.backward({}, /*retain_graph=*/true);
    EXPECT_TRUE(at::equal(weight.grad(), at::zeros({5})));
  }
}

}  // namespace
}  // namespace convmae
