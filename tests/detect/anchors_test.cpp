#include "convmae/detect/anchors.h"

#include "convmae/detect/boxes.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <vector>

namespace convmae {
namespace {

TEST(Anchors, OfACellHaveTheirAreaAndRatioAroundTheOrigin) {
  const at::Tensor cell = cell_anchors({32, 64}, {0.5, 1, 2});
  ASSERT_EQ(cell.sizes(), (std::vector<int64_t>{6, 4}));
  const at::Tensor areas = torch::tensor({1024.F, 1024.F, 1024.F, 4096.F, 4096.F, 4096.F});
  EXPECT_TRUE(torch::allclose(box_area(cell), areas));
  const at::Tensor width = cell.select(1, 2) - cell.select(1, 0);
  const at::Tensor height = cell.select(1, 3) - cell.select(1, 1);
  const at::Tensor ratios = torch::tensor({0.5F, 1.F, 2.F, 0.5F, 1.F, 2.F});
  EXPECT_TRUE(torch::allclose(height / width, ratios));
  EXPECT_TRUE(torch::equal(cell.narrow(1, 0, 2), -cell.narrow(1, 2, 2)));
}

TEST(Anchors, LieRowByRowThenColumnThenInTheirCell) {
  const at::Tensor cell = cell_anchors({8}, {1, 4});
  for (const double offset : {0.0, 0.5}) {
    const at::Tensor grid = grid_anchors(cell, {2, 3}, 16, offset).view({2, 3, 2, 4});
    for (int64_t y = 0; y < 2; ++y) {
      for (int64_t x = 0; x < 3; ++x) {
        const double left = 16 * (static_cast<double>(x) + offset);
        const double top = 16 * (static_cast<double>(y) + offset);
        const at::Tensor shift = torch::tensor({left, top, left, top}).to(torch::kFloat);
        EXPECT_TRUE(torch::equal(grid[y][x], cell + shift)) << y << ' ' << x;
      }
    }
  }
}

TEST(Anchors, HaveALevelForEveryMap) {
  AnchorConfig config;
  config.sizes = {{32, 40}, {64, 80}};
  config.strides = {4, 8};
  const auto anchors = make_anchors(config, {{4, 6}, {2, 0}});
  ASSERT_EQ(anchors.size(), 2);
  EXPECT_EQ(config.anchors_per_cell(), 6);
  EXPECT_EQ(anchors[0].sizes(), (std::vector<int64_t>{144, 4}));
  EXPECT_EQ(anchors[1].sizes(), (std::vector<int64_t>{0, 4}));
  EXPECT_THROW(make_anchors(config, {{4, 6}}), c10::Error);
}

}  // namespace
}  // namespace convmae
