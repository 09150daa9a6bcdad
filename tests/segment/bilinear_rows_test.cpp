#include "convmae/segment/bilinear_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace convmae {
namespace {

at::Tensor resized_whole(const at::Tensor& map, Size size) {
  return at::upsample_bilinear2d(map.unsqueeze(0), {size.height, size.width}, false).squeeze(0);
}

/// Up, down, by odd factors, from and to a single row.
const std::vector<std::pair<Size, Size>> kSizes{
    {{8, 6}, {32, 24}}, {{7, 5}, {11, 13}}, {{32, 24}, {8, 6}}, {{13, 9}, {5, 9}},
    {{1, 1}, {6, 4}},   {{9, 7}, {1, 1}},   {{5, 4}, {5, 4}}};

TEST(BilinearRows, AreThoseOfTheWhole) {
  torch::manual_seed(1);
  for (const auto& [from, to] : kSizes) {
    const at::Tensor map = at::randn({3, from.height, from.width}, at::kDouble);
    const at::Tensor whole = resized_whole(map, to);
    for (const std::int64_t strip : {std::int64_t{1}, std::int64_t{3}, to.height}) {
      for (std::int64_t first = 0; first < to.height; first += strip) {
        const std::int64_t rows = std::min(strip, to.height - first);
        const RowWeights weights = row_weights(from.height, to.height, first, rows);
        const at::Tensor source = map.narrow(1, weights.first_source, weights.weights.size(1));
        EXPECT_TRUE(at::allclose(resized_rows(source, weights, to.width),
                                 whole.narrow(1, first, rows), 1e-12, 1e-12))
            << from.height << " to " << to.height << ", row " << first;
      }
    }
  }
}

TEST(BilinearRows, GiveBackTheGradientOfTheWhole) {
  torch::manual_seed(2);
  for (const auto& [from, to] : kSizes) {
    const at::Tensor map =
        at::randn({3, from.height, from.width}, at::kDouble).requires_grad_(true);
    const at::Tensor cotangent = at::randn({3, to.height, to.width}, at::kDouble);
    (resized_whole(map, to) * cotangent).sum().backward();
    at::Tensor grad = at::zeros_like(map.grad());
    for (std::int64_t first = 0; first < to.height; first += 2) {
      const std::int64_t rows = std::min<std::int64_t>(2, to.height - first);
      const RowWeights weights = row_weights(from.height, to.height, first, rows);
      grad.narrow(1, weights.first_source, weights.weights.size(1))
          .add_(resized_rows_backward(cotangent.narrow(1, first, rows), weights, from.width));
    }
    EXPECT_TRUE(at::allclose(grad, map.grad(), 1e-12, 1e-12)) << from.height << " to " << to.height;
  }
}

TEST(BilinearRows, AreNoneBeyondTheMap) {
  EXPECT_THROW(row_weights(4, 8, 6, 3), c10::Error);
  EXPECT_THROW(row_weights(4, 8, 3, 0), c10::Error);
}

TEST(BilinearRows, AStripHasARowAtLeast) {
  EXPECT_EQ(strip_rows(std::int64_t{1} << 40), 1);
  EXPECT_GT(strip_rows(1), 1000);
}

}  // namespace
}  // namespace convmae
