#include "convmae/detect/mask_targets.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <limits>
#include <vector>

namespace convmae {
namespace {

using Polygons = std::vector<std::vector<double>>;

TEST(MaskTargets, AreThePolygonsInTheBoxJoined) {
  // The left half of the box, and its lower right quarter.
  const Polygons polygons{{10, 20, 20, 20, 20, 60, 10, 60}, {20, 40, 30, 40, 30, 60, 20, 60}};
  const at::Tensor target = draw_mask_target(polygons, {10, 20, 30, 60}, 8);
  at::Tensor expected = torch::zeros({8, 8}, torch::kByte);
  expected.narrow(1, 0, 4).fill_(1);
  expected.narrow(1, 4, 4).narrow(0, 4, 4).fill_(1);
  EXPECT_TRUE(torch::equal(target, expected));
}

TEST(MaskTargets, LeaveOutWhatIsOutsideTheBox) {
  const Polygons polygons{{-100, -100, 100, -100, 100, 100, -100, 100}};
  EXPECT_TRUE(torch::equal(draw_mask_target(polygons, {3.5F, 2, 9, 4}, 5),
                           torch::ones({5, 5}, torch::kByte)));
  EXPECT_EQ(draw_mask_target(polygons, {200, 200, 210, 210}, 5).sum().item<int64_t>(), 0);
  EXPECT_EQ(draw_mask_target({}, {3, 2, 9, 4}, 5).sum().item<int64_t>(), 0);
}

TEST(MaskTargets, TakeBoxesWithoutAnAreaAndRefuseWhatIsNoNumber) {
  const Polygons polygons{{1, 1, 2, 1, 2, 2}};
  EXPECT_NO_THROW(draw_mask_target(polygons, {1, 1, 1, 1}, 28));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(draw_mask_target(Polygons{{1, 1, nan, 1, 2, 2}}, {0, 0, 4, 4}, 28), UserError);
}

TEST(MaskTargets, AreTheShareOfEachCellInAMaskOfTheImage) {
  const at::Tensor masks = torch::zeros({2, 8, 12}, torch::kByte);
  masks[0].narrow(1, 6, 6).fill_(1);
  masks[1].narrow(0, 0, 4).fill_(1);
  const at::Tensor boxes = torch::tensor({{0.F, 0.F, 12.F, 8.F}, {2.F, 2.F, 6.F, 6.F}});
  const at::Tensor cropped = crop_masks(masks, boxes, 2);
  ASSERT_EQ(cropped.scalar_type(), torch::kFloat);
  const at::Tensor expected = torch::tensor({{{0.F, 1.F}, {0.F, 1.F}}, {{1.F, 1.F}, {0.F, 0.F}}});
  EXPECT_TRUE(torch::allclose(cropped, expected)) << cropped;
  EXPECT_EQ(crop_masks(masks.narrow(0, 0, 0), boxes.narrow(0, 0, 0), 28).sizes(),
            (std::vector<int64_t>{0, 28, 28}));
}

}  // namespace
}  // namespace convmae
