#include "convmae/detect/paste_masks.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace convmae {
namespace {

/// The definition in float64: grid_sample at every pixel centre of the image.
at::Tensor plain(const at::Tensor& masks, const at::Tensor& boxes, Size image) {
  const auto within = [&](int64_t pixels, int64_t axis) {
    const at::Tensor low = boxes.to(torch::kDouble).narrow(1, axis, 1);
    const at::Tensor high = boxes.to(torch::kDouble).narrow(1, axis + 2, 1);
    return (torch::arange(pixels, torch::kDouble) + 0.5 - low) / (high - low) * 2 - 1;
  };
  const at::Tensor x = within(image.width, 0).unsqueeze(1);
  const at::Tensor y = within(image.height, 1).unsqueeze(2);
  const at::Tensor grid =
      torch::stack({x.expand({-1, image.height, -1}), y.expand({-1, -1, image.width})}, 3);
  return at::grid_sampler(masks.to(torch::kDouble).unsqueeze(1), grid, 0, 0, false).squeeze(1);
}

at::Tensor some_boxes() {
  return torch::tensor({{0.F, 0.F, 37.F, 29.F},
                        {3.3F, 4.6F, 17.2F, 20.9F},
                        {-6.5F, -3.F, 25.F, 28.F},
                        {30.5F, 20.5F, 62.F, 70.F},
                        {10.F, 11.F, 10.8F, 11.6F},
                        {-90.F, -70.F, 150.F, 110.F}});
}

/// Smooth, as predicted masks are, or not at all.
at::Tensor some_masks(int64_t count, int64_t side, bool smooth) {
  at::Tensor noise = torch::rand({count, side, side});
  if (!smooth) return noise;
  return at::avg_pool2d(noise.unsqueeze(1), 5, 1, 2).squeeze(1);
}

at::Tensor pixels_of(const std::vector<coco::Rle>& rles) {
  std::vector<at::Tensor> masks;
  masks.reserve(rles.size());
  for (const coco::Rle& rle : rles) {
    masks.push_back(
        torch::tensor(coco::rle_pixels(rle), torch::kByte).view({rle.size.height, rle.size.width}));
  }
  return torch::stack(masks);
}

TEST(PasteMasks, AgreesWithTheDefinitionInFloat64) {
  torch::manual_seed(1);
  for (const int64_t side : {1, 2, 7, 28}) {
    const at::Tensor masks = some_masks(6, side, false);
    const at::Tensor soft = paste_soft_masks(masks, some_boxes(), {29, 37});
    EXPECT_TRUE(
        torch::allclose(soft.to(torch::kDouble), plain(masks, some_boxes(), {29, 37}), 0, 2e-5))
        << side;
  }
}

TEST(PasteMasks, HasTheRunsOfTheSoftMasksPixelForPixel) {
  torch::manual_seed(2);
  for (const bool smooth : {true, false}) {
    for (const int64_t side : {1, 2, 7, 28}) {
      const at::Tensor masks = some_masks(6, side, smooth);
      for (const double threshold : {0.5, 0.45, 0.1, 1.0}) {
        const at::Tensor soft = paste_soft_masks(masks, some_boxes(), {101, 67});
        const at::Tensor pasted = pixels_of(paste_masks(masks, some_boxes(), {101, 67}, threshold));
        EXPECT_TRUE(torch::equal(pasted, (soft >= threshold).to(torch::kByte)))
            << side << ' ' << threshold;
      }
    }
  }
}

TEST(PasteMasks, WritesTheRunsThatPixelsHave) {
  torch::manual_seed(3);
  const auto pasted = paste_masks(some_masks(6, 28, true), some_boxes(), {53, 67});
  int64_t filled = 0;
  for (const coco::Rle& rle : pasted) {
    EXPECT_EQ(coco::rle_from_pixels(rle.size, coco::rle_pixels(rle)), rle);
    filled += coco::rle_area(rle);
  }
  EXPECT_GT(filled, 100);
}

TEST(PasteMasks, ReachesTheBottomOfOneColumnAndTheTopOfTheNext) {
  const auto pasted =
      paste_masks(torch::ones({1, 3, 3}), torch::tensor({{-9.F, -9.F, 20.F, 20.F}}), {5, 4});
  EXPECT_EQ(pasted[0], (coco::Rle{{5, 4}, {0, 20}}));
}

TEST(PasteMasks, IsEmptyForBoxesWithoutAnAreaOrOutside) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor boxes = torch::tensor({{3.F, 3.F, 3.F, 9.F},
                                          {9.F, 9.F, 3.F, 3.F},
                                          {100.F, 100.F, 120.F, 120.F},
                                          {1.F, 100.F, 9.F, 120.F},
                                          {kNan, 0.F, 9.F, 9.F}});
  for (const coco::Rle& rle : paste_masks(torch::ones({5, 4, 4}), boxes, {20, 30})) {
    EXPECT_EQ(rle, (coco::Rle{{20, 30}, {600}}));
  }
  EXPECT_EQ(paste_soft_masks(torch::ones({5, 4, 4}), boxes, {20, 30}).sum().item<float>(), 0);
}

TEST(PasteMasks, TakesNoDetectionsAndRefusesWhatDoesNotFit) {
  EXPECT_TRUE(paste_masks(torch::zeros({0, 28, 28}), torch::zeros({0, 4}), {20, 30}).empty());
  EXPECT_THROW(paste_masks(torch::zeros({1, 28, 27}), torch::zeros({1, 4}), {20, 30}), c10::Error);
  EXPECT_THROW(paste_masks(torch::zeros({1, 28, 28}), torch::zeros({2, 4}), {20, 30}), c10::Error);
  EXPECT_THROW(paste_masks(torch::zeros({1, 28, 28}), torch::zeros({1, 4}), {20, 30}, 0),
               c10::Error);
  EXPECT_THROW(paste_masks(torch::zeros({1, 28, 28}), torch::zeros({1, 4}), {100000, 100000}),
               UserError);
}

TEST(PasteMasks, GivesTheSameRunsForAnyNumberOfThreads) {
  torch::manual_seed(4);
  const at::Tensor masks = some_masks(6, 28, true);
  const int before = at::get_num_threads();
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    auto pasted = paste_masks(masks, some_boxes(), {53, 67});
    at::set_num_threads(before);
    return pasted;
  };
  EXPECT_EQ(run(1), run(3));
}

/// Kilobytes of a line of /proc/self/status.
int64_t status_kilobytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != name + ":") continue;
    int64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes;
  }
  return 0;
}

TEST(PasteMasks, MakesNoImageOfEveryDetection) {
  torch::manual_seed(5);
  const int64_t detections = 300;
  const at::Tensor masks = some_masks(detections, 28, true);
  const at::Tensor corners = torch::rand({detections, 2}) * 1000;
  const at::Tensor boxes =
      torch::cat({corners, corners + 500 + torch::rand({detections, 2}) * 2000}, 1);
  const int64_t before = status_kilobytes("VmHWM");
  ASSERT_GT(before, 0);
  const auto pasted = paste_masks(masks, boxes, {3000, 4000});
  EXPECT_EQ(pasted.size(), detections);
  EXPECT_LT(status_kilobytes("VmHWM") - before, 200 * 1024);
}

}  // namespace
}  // namespace convmae
