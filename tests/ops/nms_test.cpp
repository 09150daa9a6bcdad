#include "convmae/ops/nms.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace convmae {
namespace {

at::Tensor numbers(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kLong);
}

at::Tensor random_boxes(int64_t count, double area) {
  const at::Tensor corners = torch::rand({count, 2}) * area;
  return torch::cat({corners, corners + 5 + torch::rand({count, 2}) * 25}, 1);
}

/// The definition: the best of what is left is kept, and what it overlaps is left out.
at::Tensor plain(const at::Tensor& boxes, const at::Tensor& scores, double threshold) {
  const auto box = [&](int64_t i, int64_t edge) { return boxes[i][edge].item<float>(); };
  const auto iou = [&](int64_t i, int64_t j) {
    const auto area = [&](int64_t k) { return (box(k, 2) - box(k, 0)) * (box(k, 3) - box(k, 1)); };
    const float width = std::min(box(i, 2), box(j, 2)) - std::max(box(i, 0), box(j, 0));
    const float height = std::min(box(i, 3), box(j, 3)) - std::max(box(i, 1), box(j, 1));
    const float common = std::max(0.F, width) * std::max(0.F, height);
    return common / (area(i) + area(j) - common);
  };
  std::vector<int64_t> left(static_cast<size_t>(boxes.size(0)));
  std::iota(left.begin(), left.end(), 0);
  std::stable_sort(left.begin(), left.end(), [&](int64_t i, int64_t j) {
    return scores[i].item<float>() > scores[j].item<float>();
  });
  std::vector<int64_t> kept;
  while (!left.empty()) {
    const int64_t best = left.front();
    kept.push_back(best);
    std::erase_if(left, [&](int64_t i) { return i == best || iou(best, i) > threshold; });
  }
  return numbers(kept);
}

TEST(Nms, AgreesWithTheDefinition) {
  torch::manual_seed(1);
  for (const int64_t count : {1, 2, 17, 150}) {
    for (const double threshold : {0.0, 0.3, 0.5, 0.7, 1.0}) {
      const at::Tensor boxes = random_boxes(count, 60);
      const at::Tensor scores = (torch::randn({count}) * 5).round();  // with equal ones
      EXPECT_TRUE(torch::equal(ops::nms(boxes, scores, threshold), plain(boxes, scores, threshold)))
          << count << ' ' << threshold;
    }
  }
}

TEST(Nms, KeepsEqualityWithTheThresholdAndWhatHasNoArea) {
  const at::Tensor halves = torch::tensor({{0.F, 0.F, 4.F, 4.F}, {0.F, 0.F, 4.F, 2.F}});
  const at::Tensor scores = torch::tensor({2.F, 1.F});
  EXPECT_EQ(ops::nms(halves, scores, 0.5).size(0), 2);
  EXPECT_EQ(ops::nms(halves, scores, 0.499).size(0), 1);
  // 1/3 in float32 is above 1/3 in float64.
  const at::Tensor thirds = torch::tensor({{0.F, 0.F, 3.F, 1.F}, {0.F, 0.F, 1.F, 1.F}});
  EXPECT_EQ(ops::nms(thirds, scores, 1.0 / 3).size(0), 1);
  EXPECT_EQ(ops::nms(thirds, scores, static_cast<double>(1.F / 3)).size(0), 2);
  EXPECT_EQ(ops::nms(torch::ones({2, 4}), scores, 0.5).size(0), 2);
}

TEST(Nms, StopsAtTheMostThatAreToBeKept) {
  torch::manual_seed(2);
  const at::Tensor boxes = random_boxes(300, 60);
  const at::Tensor scores = torch::randn({300});
  const at::Tensor groups = torch::randint(3, {300}, torch::kLong);
  const at::Tensor all = ops::nms(boxes, scores, 0.5);
  const at::Tensor by_group = ops::batched_nms(boxes, scores, groups, 0.5);
  ASSERT_GT(all.size(0), 20);
  for (const int64_t most : {0, 1, 20}) {
    EXPECT_TRUE(torch::equal(ops::nms(boxes, scores, 0.5, most), all.narrow(0, 0, most)));
    EXPECT_TRUE(torch::equal(ops::batched_nms(boxes, scores, groups, 0.5, most),
                             by_group.narrow(0, 0, most)));
  }
  EXPECT_TRUE(torch::equal(ops::nms(boxes, scores, 0.5, 1000), all));
}

TEST(Nms, TakesFloat64AndNothing) {
  torch::manual_seed(3);
  const at::Tensor boxes = random_boxes(100, 60);
  const at::Tensor scores = torch::randn({100});
  EXPECT_TRUE(torch::equal(ops::nms(boxes.to(torch::kDouble), scores.to(torch::kDouble), 0.5),
                           ops::nms(boxes, scores, 0.5)));
  const at::Tensor none = ops::nms(torch::zeros({0, 4}), torch::zeros({0}), 0.5);
  EXPECT_EQ(none.scalar_type(), torch::kLong);
  EXPECT_EQ(none.sizes(), (std::vector<int64_t>{0}));
  EXPECT_EQ(ops::batched_nms(torch::zeros({0, 4}), torch::zeros({0}),
                             torch::zeros({0}, torch::kLong), 0.5)
                .size(0),
            0);
}

TEST(BatchedNms, SuppressesInsideGroupsAlone) {
  torch::manual_seed(4);
  // On both sides of the limit up to which the groups are shifted.
  for (const int64_t count : {int64_t{200}, ops::kMostShifted, ops::kMostShifted + 1}) {
    const at::Tensor boxes = random_boxes(count, 100).round();  // shifted without rounding
    const at::Tensor scores = torch::randn({count});
    const at::Tensor groups = torch::randint(5, {count}, torch::kLong);
    std::vector<at::Tensor> kept;
    for (int64_t group = 0; group < 5; ++group) {
      const at::Tensor members = (groups == group).nonzero().squeeze(1);
      kept.push_back(members.index_select(
          0, ops::nms(boxes.index_select(0, members), scores.index_select(0, members), 0.4)));
    }
    const at::Tensor all = torch::cat(kept);
    const at::Tensor expected = all.index_select(0, scores.index_select(0, all).argsort(0, true));
    EXPECT_LT(expected.size(0), count);
    EXPECT_TRUE(torch::equal(ops::batched_nms(boxes, scores, groups, 0.4), expected)) << count;
  }
}

TEST(BatchedNms, SeparatesNoGroupsWhoseCoordinatesAreNegativeUpToTheLimit) {
  // One more than the largest coordinate is 0 here, and so is the shift.
  const at::Tensor boxes = torch::tensor({{-5.F, -5.F, -1.F, -1.F}, {-5.F, -5.F, -1.F, -1.F}});
  const at::Tensor scores = torch::tensor({1.F, 2.F});
  EXPECT_TRUE(torch::equal(ops::batched_nms(boxes, scores, numbers({0, 1}), 0.5), numbers({1})));
  const int64_t many = ops::kMostShifted / 2 + 1;
  EXPECT_EQ(ops::batched_nms(boxes.repeat({many, 1}), scores.repeat({many}),
                             numbers({0, 1}).repeat({many}), 0.5)
                .size(0),
            2);
}

TEST(BatchedNms, RoundsAsShiftedCoordinatesDo) {
  // Shifted by 2^24 a box of one pixel has no area, and suppresses nothing.
  const at::Tensor boxes =
      torch::tensor({{0.F, 0.F, 1.F, 1.F}, {0.F, 0.F, 1.F, 1.F}, {0.F, 0.F, 16777215.F, 1.F}});
  const at::Tensor scores = torch::tensor({3.F, 2.F, 1.F});
  EXPECT_TRUE(
      torch::equal(ops::batched_nms(boxes, scores, numbers({0, 0, 2}), 0.5), numbers({0, 2})));
  EXPECT_TRUE(
      torch::equal(ops::batched_nms(boxes, scores, numbers({1, 1, 2}), 0.5), numbers({0, 1, 2})));
}

TEST(Nms, HasNoGradientAndRefusesWhatDoesNotFit) {
  const at::Tensor boxes = random_boxes(4, 10).requires_grad_();
  const at::Tensor scores = torch::randn({4}).requires_grad_();
  EXPECT_FALSE(ops::nms(boxes, scores, 0.5).requires_grad());
  EXPECT_THROW(ops::nms(boxes.narrow(1, 0, 3), scores, 0.5), c10::Error);
  EXPECT_THROW(ops::nms(boxes, scores.narrow(0, 0, 3), 0.5), c10::Error);
  EXPECT_THROW(ops::nms(boxes, scores, 0.5, -1), c10::Error);
  EXPECT_THROW(ops::batched_nms(boxes, scores, torch::zeros({4}), 0.5), c10::Error);
  EXPECT_THROW(ops::batched_nms(boxes, scores, numbers({1, 2, 3}), 0.5), c10::Error);
}

}  // namespace
}  // namespace convmae
