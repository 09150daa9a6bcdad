#include "convmae/detect/boxes.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace convmae {
namespace {

at::Tensor some_boxes(int64_t count) {
  const at::Tensor corners = torch::rand({count, 2}, torch::kDouble) * 50;
  return torch::cat({corners, corners + 1 + torch::rand({count, 2}, torch::kDouble) * 40}, 1);
}

TEST(Boxes, HaveAnAreaAndMayBeEmpty) {
  const at::Tensor boxes =
      torch::tensor({{1.F, 2.F, 4.F, 8.F}, {3.F, 3.F, 3.F, 9.F}, {0.F, 0.F, 5.F, 6.F}});
  EXPECT_TRUE(torch::equal(box_area(boxes), torch::tensor({18.F, 0.F, 30.F})));
  EXPECT_TRUE(torch::equal(nonempty_boxes(boxes), torch::tensor({true, false, true})));
  EXPECT_TRUE(torch::equal(nonempty_boxes(boxes, 3), torch::tensor({false, false, true})));
  EXPECT_EQ(box_area(boxes.narrow(0, 0, 0)).size(0), 0);
  EXPECT_EQ(nonempty_boxes(boxes.narrow(0, 0, 0)).size(0), 0);
  EXPECT_THROW(box_area(boxes.narrow(1, 0, 3)), c10::Error);
}

TEST(Boxes, AreCutOffAtTheEdges) {
  const at::Tensor boxes = torch::tensor({{-3.F, 5.F, 60.F, 39.5F}, {51.F, -2.F, 70.F, 41.F}});
  EXPECT_TRUE(torch::equal(clip_boxes(boxes, {40, 50}),
                           torch::tensor({{0.F, 5.F, 50.F, 39.5F}, {50.F, 0.F, 50.F, 40.F}})));
}

TEST(Boxes, OverlapAsEachPairDoes) {
  torch::manual_seed(1);
  const at::Tensor a = some_boxes(13);
  const at::Tensor b = some_boxes(7);
  const at::Tensor iou = pairwise_iou(a, b);
  ASSERT_EQ(iou.sizes(), (std::vector<int64_t>{13, 7}));
  int64_t apart = 0;
  for (int64_t i = 0; i < 13; ++i) {
    for (int64_t j = 0; j < 7; ++j) {
      const auto edge = [](const at::Tensor& boxes, int64_t box, int64_t e) {
        return boxes[box][e].item<double>();
      };
      double common = 1;
      for (const int64_t axis : {0, 1}) {
        common *= std::max(0.0, std::min(edge(a, i, axis + 2), edge(b, j, axis + 2)) -
                                    std::max(edge(a, i, axis), edge(b, j, axis)));
      }
      apart += static_cast<int64_t>(common == 0);
      const double all = box_area(a)[i].item<double>() + box_area(b)[j].item<double>() - common;
      EXPECT_NEAR(iou[i][j].item<double>(), common / all, 1e-14);
    }
  }
  EXPECT_GT(apart, 0);
}

TEST(Boxes, OverlapNothingWithoutAnArea) {
  const at::Tensor points = torch::ones({2, 4});
  EXPECT_TRUE(torch::equal(pairwise_iou(points, points), torch::zeros({2, 2})));
  EXPECT_EQ(pairwise_iou(points, points.narrow(0, 0, 0)).sizes(), (std::vector<int64_t>{2, 0}));
  EXPECT_EQ(pairwise_iou(points.narrow(0, 0, 0), points).sizes(), (std::vector<int64_t>{0, 2}));
}

TEST(BoxTransform, EncodesCentresAndLogarithmsOfSides) {
  const at::Tensor source = torch::tensor({{10.0, 20.0, 30.0, 60.0}}, torch::kDouble);
  const at::Tensor target = torch::tensor({{15.0, 20.0, 55.0, 30.0}}, torch::kDouble);
  const BoxTransform transform{{10, 10, 5, 5}};
  const at::Tensor expected = torch::tensor(
      {{10 * 15.0 / 20, 10 * -15.0 / 40, 5 * std::log(2.0), 5 * std::log(0.25)}}, torch::kDouble);
  EXPECT_TRUE(torch::allclose(transform.encode(source, target), expected, 1e-14, 1e-14));
}

TEST(BoxTransform, DecodesWhatItEncoded) {
  torch::manual_seed(2);
  for (const BoxTransform& transform : {BoxTransform{}, BoxTransform{{10, 10, 5, 5}}}) {
    const at::Tensor source = some_boxes(20);
    const at::Tensor one = some_boxes(20);
    const at::Tensor other = some_boxes(20);
    const at::Tensor deltas =
        torch::cat({transform.encode(source, one), transform.encode(source, other)}, 1);
    EXPECT_TRUE(torch::allclose(transform.decode(deltas, source), torch::cat({one, other}, 1),
                                1e-12, 1e-12));
  }
}

TEST(BoxTransform, LimitsHowMuchSidesGrow) {
  const at::Tensor source = torch::tensor({{0.0, 0.0, 2.0, 4.0}}, torch::kDouble);
  const at::Tensor deltas = torch::tensor({{0.0, 0.0, 100.0, -100.0}}, torch::kDouble);
  const at::Tensor decoded = BoxTransform{}.decode(deltas, source);
  EXPECT_NEAR((decoded[0][2] - decoded[0][0]).item<double>(), 2 * 62.5, 1e-10);
  EXPECT_NEAR((decoded[0][3] - decoded[0][1]).item<double>(), 0, 1e-10);
}

TEST(BoxTransform, TakesNothingAndLowerPrecisions) {
  const BoxTransform transform;
  const at::Tensor none = torch::zeros({0, 4});
  EXPECT_EQ(transform.encode(none, none).sizes(), none.sizes());
  EXPECT_EQ(transform.decode(torch::zeros({0, 12}), none).sizes(), (std::vector<int64_t>{0, 12}));
  const at::Tensor boxes = torch::tensor({{1.F, 2.F, 4.F, 8.F}});
  const at::Tensor decoded = transform.decode(torch::zeros({1, 4}, torch::kBFloat16), boxes);
  EXPECT_EQ(decoded.scalar_type(), torch::kFloat);
  EXPECT_TRUE(torch::equal(decoded, boxes));
  EXPECT_THROW(transform.decode(torch::zeros({1, 6}), boxes), c10::Error);
  EXPECT_THROW(transform.decode(torch::zeros({2, 4}), boxes), c10::Error);
}

}  // namespace
}  // namespace convmae
