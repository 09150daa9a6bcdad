#include "convmae/detect/anchor_targets.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <cmath>
#include <numeric>

namespace convmae {
namespace {

/// The first ones.
SubsetDraw first() {
  return [](std::int64_t /*n*/, std::int64_t count) {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  };
}

ProposalConfig proposals() {
  ProposalConfig config = small_detector("alpha").proposals;
  config.batch = 4;
  return config;
}

at::Tensor anchors() {
  return at::tensor({0.F,  0.F,  8.F, 8.F, 4.F, 0.F, 12.F, 8.F,  20.F, 20.F,
                     28.F, 28.F, 0.F, 0.F, 8.F, 7.F, 40.F, 40.F, 48.F, 48.F})
      .view({5, 4});
}

ObjectTargets one_object() {
  return {at::tensor({0.F, 0.F, 8.F, 8.F}).view({1, 4}), at::tensor({2}, at::kLong), {}};
}

TEST(AnchorTargets, AreMatchedAndSampled) {
  const AnchorTargets targets = anchor_targets(anchors(), one_object(), proposals(), first());
  // The second has an overlap of 1/3: neither.
  EXPECT_TRUE(at::equal(targets.matches.label, at::tensor({1, -1, 0, 1, 0}, at::kLong)));
  EXPECT_TRUE(at::equal(targets.sampled.positive, at::tensor({0, 3}, at::kLong)));
  EXPECT_TRUE(at::equal(targets.sampled.negative, at::tensor({2, 4}, at::kLong)));
  const float higher = std::log(8.F / 7);
  EXPECT_TRUE(
      at::allclose(targets.target_deltas,
                   at::tensor({0.F, 0.F, 0.F, 0.F, 0.F, 0.5F / 7, 0.F, higher}).view({2, 4})));
}

TEST(AnchorTargets, WithoutObjectsAreBackground) {
  const AnchorTargets targets = anchor_targets(anchors(), no_objects(), proposals(), first());
  EXPECT_EQ(targets.sampled.positive.size(0), 0);
  EXPECT_EQ(targets.sampled.negative.size(0), 4);
  EXPECT_EQ(targets.target_deltas.size(0), 0);
}

/// One level of one place with five anchors.
AnchorOutput one_place() {
  return {{at::tensor({0.F, 9.F, 1.F, -2.F, 0.5F}).view({1, 5, 1, 1}).requires_grad_(true)},
          {(at::ones({1, 20, 1, 1}) * 0.1F).requires_grad_(true)}};
}

TEST(ProposalLosses, AreSumsByTheNumberThatCouldHaveBeenChosen) {
  const std::vector<AnchorTargets> targets{
      anchor_targets(anchors(), one_object(), proposals(), first())};
  const AnchorOutput output = one_place();
  const ProposalLosses losses = proposal_losses(output, targets, proposals(), /*smooth_l1_beta=*/0);
  const auto soft = [](double x) { return std::log1p(std::exp(x)); };
  EXPECT_NEAR(losses.cls.item<double>(), (soft(0) + soft(2) + soft(1) + soft(0.5)) / 4, 1e-6);
  const double second = 0.1 + (0.1 - 0.5 / 7) + 0.1 + (std::log(8.0 / 7) - 0.1);
  EXPECT_NEAR(losses.loc.item<double>(), (4 * 0.1 + second) / 4, 1e-6);
  (losses.cls + losses.loc).backward();
  EXPECT_EQ(output.logits[0].grad().flatten()[1].item<float>(), 0) << "nobody asks this one";
  EXPECT_EQ(output.deltas[0].grad().abs().flatten().narrow(0, 4, 8).sum().item<float>(), 0);
}

TEST(ProposalLosses, WithoutObjectsHaveGradientsOfZeros) {
  const std::vector<AnchorTargets> targets{
      anchor_targets(anchors(), no_objects(), proposals(), first())};
  const AnchorOutput output = one_place();
  const ProposalLosses losses = proposal_losses(output, targets, proposals(), /*smooth_l1_beta=*/0);
  EXPECT_EQ(losses.loc.item<float>(), 0);
  (losses.cls + losses.loc).backward();
  EXPECT_EQ(output.deltas[0].grad().abs().sum().item<float>(), 0);
}

}  // namespace
}  // namespace convmae
