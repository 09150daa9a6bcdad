#include "convmae/ops/roi_align.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// One bilinear sample of map [N, C, H, W] in float64, differentiable: [C].
at::Tensor sample(const at::Tensor& map, int64_t image, double y, double x) {
  const int64_t height = map.size(2);
  const int64_t width = map.size(3);
  const bool outside =
      y < -1 || y > static_cast<double>(height) || x < -1 || x > static_cast<double>(width);
  if (outside) return torch::zeros({map.size(1)}, torch::kDouble);
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  const auto row = static_cast<int64_t>(y);
  const auto column = static_cast<int64_t>(x);
  const auto pixel = [&](int64_t r, int64_t c) {
    return map[image].select(1, std::min(r, height - 1)).select(1, std::min(c, width - 1));
  };
  const double down = y - static_cast<double>(row);
  const double right = x - static_cast<double>(column);
  return (pixel(row, column) * (1 - right) + pixel(row, column + 1) * right) * (1 - down) +
         (pixel(row + 1, column) * (1 - right) + pixel(row + 1, column + 1) * right) * down;
}

/// The definition, sample by sample.
at::Tensor plain(const at::Tensor& map, const at::Tensor& boxes, const at::Tensor& images,
                 const ops::RoiGrid& grid) {
  const double offset = grid.aligned ? 0.5 : 0;
  std::vector<at::Tensor> cells;
  for (int64_t roi = 0; roi < boxes.size(0); ++roi) {
    const auto edge = [&](int64_t i) { return boxes[roi][i].item<double>() * grid.scale - offset; };
    const double least = grid.aligned ? -std::numeric_limits<double>::infinity() : 1;
    const double height = std::max(edge(3) - edge(1), least) / static_cast<double>(grid.height);
    const double width = std::max(edge(2) - edge(0), least) / static_cast<double>(grid.width);
    const auto samples_of = [&](double side) {
      return grid.sampling_ratio > 0 ? grid.sampling_ratio
                                     : static_cast<int64_t>(std::max(0.0, std::ceil(side)));
    };
    const int64_t rows = samples_of(height);
    const int64_t columns = samples_of(width);
    // Of sample k of n in a cell, in cells.
    const auto place = [](int64_t cell, int64_t k, int64_t n) {
      return static_cast<double>(cell) + (static_cast<double>(k) + 0.5) / static_cast<double>(n);
    };
    for (int64_t y = 0; y < grid.height; ++y) {
      for (int64_t x = 0; x < grid.width; ++x) {
        at::Tensor sum = torch::zeros({map.size(1)}, torch::kDouble);
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < columns; ++j) {
            sum =
                sum + sample(map, images[roi].item<int64_t>(), edge(1) + place(y, i, rows) * height,
                             edge(0) + place(x, j, columns) * width);
          }
        }
        cells.push_back(sum / static_cast<double>(std::max<int64_t>(1, rows * columns)));
      }
    }
  }
  if (cells.empty()) return torch::zeros({0, map.size(1), grid.height, grid.width}, torch::kDouble);
  return torch::stack(cells)
      .view({boxes.size(0), grid.height, grid.width, map.size(1)})
      .permute({0, 3, 1, 2});
}

/// Boxes inside, across every edge, outside, empty, inverted and larger than a map of 9 x 13 at a
/// scale of a half; as float32 has them, so that both sides see the same.
at::Tensor boxes_of_all_kinds() {
  return torch::tensor({{3.3F, 2.1F, 17.7F, 15.2F},
                        {-6.4F, -4.2F, 9.1F, 5.3F},
                        {20.3F, 11.1F, 40.2F, 31.4F},
                        {60.2F, 50.3F, 70.1F, 64.4F},
                        {5.5F, 5.5F, 5.5F, 5.5F},
                        {15.2F, 12.3F, 4.4F, 3.1F},
                        {-11.3F, -8.7F, 35.9F, 27.3F},
                        {7.1F, 3.3F, 7.4F, 16.9F}});
}

at::Tensor images_of(const at::Tensor& boxes) {
  return torch::arange(boxes.size(0), torch::kLong).remainder(2);
}

std::vector<ops::RoiGrid> grids() {
  std::vector<ops::RoiGrid> all;
  for (const bool aligned : {true, false}) {
    for (const int64_t ratio : {0, 1, 3}) {
      all.push_back({0.5, 3, 5, ratio, aligned});
      all.push_back({0.5, 1, 1, ratio, aligned});
      all.push_back({0.25, 4, 2, ratio, aligned});
    }
  }
  return all;
}

void expect_agreement(const at::Tensor& numbers, const at::Tensor& boxes, const ops::RoiGrid& grid,
                      at::ScalarType type, double tolerance) {
  SCOPED_TRACE(testing::Message() << numbers.sizes() << ' ' << grid.height << 'x' << grid.width
                                  << ", " << grid.sampling_ratio << ' ' << grid.aligned << ' '
                                  << type);
  const at::Tensor images = images_of(boxes);
  const at::Tensor exact = numbers.to(type).to(torch::kDouble).clone().requires_grad_();
  const at::Tensor map = numbers.to(type).detach().clone().requires_grad_();
  const at::Tensor expected = plain(exact, boxes, images, grid);
  const at::Tensor cells = ops::roi_align(map, boxes, images, grid);
  ASSERT_EQ(cells.sizes(), expected.sizes());
  ASSERT_EQ(cells.scalar_type(), type);
  const at::Tensor cotangent = torch::randn(cells.sizes(), torch::kDouble).to(type);
  cells.backward(cotangent);
  if (expected.requires_grad()) {
    expected.backward(cotangent.to(torch::kDouble));
  } else {
    exact.mutable_grad() = torch::zeros_like(exact);
  }
  EXPECT_EQ(map.grad().scalar_type(), type);
  EXPECT_TRUE(torch::allclose(cells.to(torch::kDouble), expected, tolerance, tolerance));
  EXPECT_TRUE(torch::allclose(map.grad().to(torch::kDouble), exact.grad(), tolerance, tolerance));
}

TEST(RoiAlign, AgreesWithTheDefinitionInFloat64) {
  torch::manual_seed(1);
  const at::Tensor map = torch::randn({2, 3, 9, 13}, torch::kDouble);
  for (const ops::RoiGrid& grid : grids()) {
    // Sampling positions are those of the boxes in float64, too.
    expect_agreement(map, boxes_of_all_kinds(), grid, torch::kDouble, 1e-12);
  }
}

TEST(RoiAlign, AgreesInLowerPrecisionsForEveryTailOfTheVectors) {
  torch::manual_seed(2);
  for (const int64_t channels : {1, 7, 37, 130}) {
    const at::Tensor map = torch::randn({2, channels, 9, 13}, torch::kDouble);
    for (const int64_t ratio : {0, 2}) {
      const ops::RoiGrid grid{0.5, 2, 3, ratio, true};
      expect_agreement(map, boxes_of_all_kinds(), grid, torch::kFloat, 2e-5);
      expect_agreement(map, boxes_of_all_kinds(), grid, torch::kBFloat16, 2e-2);
    }
  }
}

TEST(RoiAlign, TakesMapsOfOnePixelARowAndAColumn) {
  torch::manual_seed(3);
  const at::Tensor boxes = boxes_of_all_kinds() / 4;
  for (const auto& [height, width] : {std::pair(1, 1), {1, 6}, {5, 1}}) {
    expect_agreement(torch::randn({2, 3, height, width}, torch::kDouble), boxes,
                     {0.5, 2, 2, 0, true}, torch::kDouble, 1e-12);
  }
}

TEST(RoiAlign, TakesNoBoxesNoImagesAndNoChannels) {
  const at::Tensor none = torch::zeros({0, 4});
  expect_agreement(torch::randn({2, 3, 9, 13}, torch::kDouble), none, {0.5, 7, 7, 0, true},
                   torch::kFloat, 0);
  expect_agreement(torch::zeros({0, 3, 9, 13}, torch::kDouble), none, {0.5, 7, 7, 0, true},
                   torch::kFloat, 0);
  expect_agreement(torch::zeros({2, 3, 0, 0}, torch::kDouble), none, {0.5, 7, 7, 0, true},
                   torch::kFloat, 0);
  EXPECT_EQ(ops::roi_align(torch::zeros({2, 0, 9, 13}), boxes_of_all_kinds(),
                           images_of(boxes_of_all_kinds()), 0.5, 7, 0)
                .sizes(),
            (std::vector<int64_t>{8, 0, 7, 7}));
}

TEST(RoiAlign, ReadsMapsOfAnyStridesAndLeavesChannelsLast) {
  torch::manual_seed(4);
  const at::Tensor boxes = boxes_of_all_kinds();
  const at::Tensor map = torch::randn({2, 5, 9, 13});
  const auto read = [&](const at::Tensor& x) {
    return ops::roi_align(x, boxes, images_of(boxes), 0.5, 4, 0);
  };
  const at::Tensor cells = read(map);
  EXPECT_TRUE(cells.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(torch::equal(read(map.contiguous(at::MemoryFormat::ChannelsLast)), cells));
  EXPECT_TRUE(torch::equal(read(map.transpose(2, 3).contiguous().transpose(2, 3)), cells));
  EXPECT_TRUE(torch::equal(read(map.repeat_interleave(2, 1).slice(1, 0, 10, 2)), cells));
}

TEST(RoiAlign, GivesTheSameBitsForAnyNumberOfThreads) {
  torch::manual_seed(5);
  const at::Tensor corners = torch::rand({200, 2}) * 40;
  const at::Tensor boxes = torch::cat({corners, corners + torch::rand({200, 2}) * 60}, 1);
  const at::Tensor numbers = torch::randn({2, 33, 20, 24});
  const at::Tensor cotangent = torch::randn({200, 33, 7, 7});
  const int before = at::get_num_threads();
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    const at::Tensor map = numbers.clone().requires_grad_();
    const at::Tensor cells = ops::roi_align(map, boxes, images_of(boxes), 0.25, 7, 0);
    cells.backward(cotangent);
    at::set_num_threads(before);
    return std::pair(cells.detach(), map.grad());
  };
  const auto [cells, grad] = run(1);
  for (const int threads : {2, 3}) {
    const auto [other_cells, other_grad] = run(threads);
    EXPECT_TRUE(torch::equal(cells, other_cells));
    EXPECT_TRUE(torch::equal(grad, other_grad));
  }
}

TEST(RoiAlign, NotANumberStaysInTheCellsThatReadIt) {
  const at::Tensor boxes = torch::tensor({{0.5F, 0.5F, 8.5F, 8.5F}});
  const at::Tensor map = torch::ones({1, 3, 9, 9});
  map[0][1][3][5] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor cells = ops::roi_align(map, boxes, torch::zeros({1}, torch::kLong), 1, 4, 0);
  at::Tensor expected = torch::zeros({1, 3, 4, 4}, torch::kBool);
  // Cells of two pixels: the samples of cell i are at 2 i + 0.5 and 2 i + 1.5, and read 2 i to
  // 2 i + 2.
  expected[0][1][1][2] = true;
  EXPECT_TRUE(torch::equal(cells.isnan(), expected));
}

TEST(RoiAlign, HasAMetaFunction) {
  const auto meta = torch::TensorOptions().device(torch::kMeta);
  const at::Tensor cells =
      ops::roi_align(torch::empty({2, 5, 9, 13}, meta), torch::empty({3, 4}, meta),
                     torch::empty({3}, meta.dtype(torch::kLong)), 0.5, 7, 0);
  EXPECT_TRUE(cells.is_meta());
  EXPECT_EQ(cells.sizes(), (std::vector<int64_t>{3, 5, 7, 7}));
}

TEST(RoiAlign, RefusesWhatDoesNotFit) {
  const at::Tensor map = torch::zeros({2, 3, 9, 13});
  const at::Tensor boxes = torch::tensor({{1.F, 2.F, 3.F, 4.F}});
  const at::Tensor images = torch::zeros({1}, torch::kLong);
  const auto call = [](const at::Tensor& x, const at::Tensor& rois, const at::Tensor& of,
                       int64_t size = 7,
                       int64_t ratio = 0) { return ops::roi_align(x, rois, of, 0.5, size, ratio); };
  EXPECT_NO_THROW(call(map, boxes, images));
  EXPECT_THROW(call(map[0], boxes, images), c10::Error);
  EXPECT_THROW(call(map.to(torch::kHalf), boxes, images), c10::Error);
  EXPECT_THROW(call(map.narrow(2, 0, 0), boxes, images), c10::Error);
  EXPECT_THROW(call(map, boxes.narrow(1, 0, 3), images), c10::Error);
  EXPECT_THROW(call(map, boxes, images + 2), c10::Error);
  EXPECT_THROW(call(map, boxes, images - 1), c10::Error);
  EXPECT_THROW(call(map, boxes, images.to(torch::kInt)), c10::Error);
  EXPECT_THROW(call(map, boxes, images.repeat({2})), c10::Error);
  EXPECT_THROW(call(map, boxes, images, 0), c10::Error);
  EXPECT_THROW(call(map, boxes, images, 7, -1), c10::Error);
  EXPECT_THROW(call(map, boxes * 1e7, images), c10::Error);
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const at::Tensor spoiled = boxes.clone();
    spoiled[0][2] = value;
    EXPECT_THROW(call(map, spoiled, images), c10::Error);
  }
}

}  // namespace
}  // namespace convmae
