#include "convmae/detect/pooler.h"

#include "convmae/ops/roi_align.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <vector>

namespace convmae {
namespace {

at::Tensor squares(const std::vector<float>& sides) {
  at::Tensor boxes = torch::zeros({static_cast<int64_t>(sides.size()), 4});
  for (size_t i = 0; i < sides.size(); ++i) {
    boxes[static_cast<int64_t>(i)].narrow(0, 2, 2).fill_(sides[i]);
  }
  return boxes;
}

std::vector<at::Tensor> pyramid(int64_t channels) {
  std::vector<at::Tensor> maps;
  for (const int64_t side : {32, 16, 8, 4}) {
    maps.push_back(torch::randn({2, channels, side, side + 4}, torch::kDouble));
  }
  return maps;
}

TEST(Pooler, GoesUpALevelWithEveryDoubling) {
  const at::Tensor boxes = squares({0, 5, 111.9F, 112, 223, 224, 447, 448, 5000});
  EXPECT_TRUE(torch::equal(assign_levels(boxes, {}),
                           torch::tensor({0, 0, 0, 1, 1, 2, 2, 3, 3}, torch::kLong)));
  EXPECT_TRUE(torch::equal(assign_levels(squares({60, 64, 200}), {7, 0, 3, 4, 32, 2}),
                           torch::tensor({0, 0, 1}, torch::kLong)));
  const at::Tensor inverted = torch::tensor({{9.F, 0.F, 0.F, 9.F}});
  EXPECT_EQ(assign_levels(inverted, {}).item<int64_t>(), 0);
}

TEST(Pooler, ReadsEveryBoxFromItsLevelInTheirOrder) {
  torch::manual_seed(1);
  PoolerConfig config;
  config.output_size = 3;
  config.canonical_size = 48;
  std::vector<at::Tensor> maps = pyramid(5);
  for (at::Tensor& map : maps) map.requires_grad_();
  const at::Tensor boxes = squares({100, 5, 50, 30, 90, 14, 60}) + 3;
  const at::Tensor images = torch::tensor({0, 1, 1, 0, 1, 0, 0}, torch::kLong);
  const at::Tensor levels = assign_levels(boxes, config);
  ASSERT_EQ(std::get<0>(at::_unique(levels)).size(0), 4);
  const at::Tensor pooled = pool_boxes(maps, boxes, images, config);
  EXPECT_TRUE(pooled.is_contiguous(at::MemoryFormat::ChannelsLast));
  std::vector<at::Tensor> alone;
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    const auto level = levels[i].item<int64_t>();
    alone.push_back(ops::roi_align(maps[static_cast<size_t>(level)], boxes.narrow(0, i, 1),
                                   images.narrow(0, i, 1),
                                   std::exp2(-2.0 - static_cast<double>(level)), 3, 0));
  }
  const at::Tensor expected = torch::cat(alone);
  EXPECT_TRUE(torch::equal(pooled, expected));
  const at::Tensor cotangent = torch::randn(pooled.sizes(), torch::kDouble);
  const auto ours = torch::autograd::grad({pooled}, maps, {cotangent});
  const auto theirs = torch::autograd::grad({expected}, maps, {cotangent});
  for (size_t i = 0; i < maps.size(); ++i) {
    EXPECT_TRUE(torch::allclose(ours[i], theirs[i], 1e-12, 1e-12));
  }
}

TEST(Pooler, TakesNoBoxesForwardAndBackward) {
  std::vector<at::Tensor> maps = pyramid(5);
  for (at::Tensor& map : maps) map.requires_grad_();
  const at::Tensor pooled =
      pool_boxes(maps, torch::zeros({0, 4}), torch::zeros({0}, torch::kLong), {});
  EXPECT_EQ(pooled.sizes(), (std::vector<int64_t>{0, 5, 7, 7}));
  pooled.sum().backward();
  for (const at::Tensor& map : maps) {
    EXPECT_TRUE(torch::equal(map.grad(), torch::zeros_like(map)));
  }
}

TEST(Pooler, RefusesAnotherNumberOfMaps) {
  std::vector<at::Tensor> maps = pyramid(5);
  maps.pop_back();
  EXPECT_THROW(pool_boxes(maps, squares({9}), torch::zeros({1}, torch::kLong), {}), c10::Error);
}

}  // namespace
}  // namespace convmae
