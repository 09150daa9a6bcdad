#include "convmae/detect/matcher.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <vector>

namespace convmae {
namespace {

at::Tensor whole(const std::vector<int64_t>& values) { return torch::tensor(values, torch::kLong); }

MatcherConfig proposals(bool allow_low_quality) {
  return {{0.3, 0.7}, {0, -1, 1}, allow_low_quality};
}

TEST(Matcher, LabelsByTheBestTrueBoxAndCountsThresholdsAsAbove) {
  const at::Tensor quality =
      torch::tensor({{0.1F, 0.3F, 0.2F, 0.7F, 0.9F, 0.F}, {0.2F, 0.1F, 0.69F, 0.7F, 0.95F, 0.F}});
  const BoxMatches matches = match_boxes(quality, proposals(false));
  // Of equal ones the first.
  EXPECT_TRUE(torch::equal(matches.truth, whole({1, 0, 1, 0, 1, 0})));
  EXPECT_TRUE(torch::equal(matches.label, whole({0, -1, -1, 1, 1, 0})));
}

TEST(Matcher, GivesEveryTrueBoxItsClosestOnes) {
  const at::Tensor quality = torch::tensor({{0.1F, 0.25F, 0.25F, 0.F}, {0.2F, 0.6F, 0.1F, 0.4F}});
  EXPECT_TRUE(torch::equal(match_boxes(quality, proposals(false)).label, whole({0, -1, 0, -1})));
  const BoxMatches matches = match_boxes(quality, proposals(true));
  EXPECT_TRUE(torch::equal(matches.label, whole({0, 1, 1, -1})));
  // The second is the closest one of the first true box, and belongs to the other all the same.
  EXPECT_TRUE(torch::equal(matches.truth, whole({1, 1, 0, 1})));
}

TEST(Matcher, MakesAllObjectsOfATrueBoxThatMeetsNone) {
  EXPECT_TRUE(
      torch::equal(match_boxes(torch::zeros({1, 3}), proposals(true)).label, whole({1, 1, 1})));
}

TEST(Matcher, TakesNoTrueBoxesAndNoBoxes) {
  const BoxMatches matches = match_boxes(torch::zeros({0, 3}), proposals(true));
  EXPECT_TRUE(torch::equal(matches.truth, whole({0, 0, 0})));
  EXPECT_TRUE(torch::equal(matches.label, whole({0, 0, 0})));
  EXPECT_EQ(match_boxes(torch::zeros({2, 0}), proposals(true)).label.size(0), 0);
  EXPECT_THROW(match_boxes(torch::zeros({3}), proposals(true)), c10::Error);
  EXPECT_THROW(match_boxes(torch::zeros({2, 3}), {{0.5}, {0}, false}), c10::Error);
}

}  // namespace
}  // namespace convmae
