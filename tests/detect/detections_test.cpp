#include "convmae/detect/detections.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <limits>

namespace convmae {
namespace {

/// Two images of two proposals each, where nothing is seen.
struct Seen {
  BoxOutput output{at::zeros({4, 5}), at::zeros({4, 16})};
  std::vector<Proposals> proposals{
      {at::tensor({0.F, 0.F, 8.F, 8.F, 20.F, 20.F, 40.F, 30.F}).view({2, 4}), at::zeros({2})},
      {at::tensor({0.F, 0.F, 8.F, 8.F, 1.F, 0.F, 8.F, 8.F}).view({2, 4}), at::zeros({2})}};
  DetectorConfig config = small_detector("alpha");

  Seen() { output.logits.select(1, 4).fill_(20); }

  std::vector<Detections> detections(Size first = {64, 96}) const {
    return choose_detections(output, proposals, std::vector<Size>{first, {64, 96}}, config);
  }
};

TEST(Detections, ArePairsOfBoxAndClassAboveTheThreshold) {
  Seen seen;
  EXPECT_EQ(seen.detections()[0].boxes.size(0), 0);
  seen.output.logits[1][2] = 21;
  seen.output.logits[1][0] = 20;
  // Of class 2 alone: half of its width of 20 to the right.
  seen.output.deltas[1][8] = 5;
  const Detections found = seen.detections()[0];
  ASSERT_EQ(found.classes.size(0), 2);
  EXPECT_TRUE(at::equal(found.classes, at::tensor({2, 0}, at::kLong)));
  EXPECT_GT(found.scores[0].item<float>(), found.scores[1].item<float>());
  EXPECT_TRUE(at::allclose(found.boxes[0], at::tensor({30.F, 20.F, 50.F, 30.F})));
  EXPECT_TRUE(at::allclose(found.boxes[1], at::tensor({20.F, 20.F, 40.F, 30.F})));
  EXPECT_FALSE(found.masks.defined());
  EXPECT_TRUE(
      at::equal(seen.detections({25, 45})[0].boxes[0], at::tensor({30.F, 20.F, 45.F, 25.F})))
      << "cut off at the image";
}

TEST(Detections, OfOneClassSuppressEachOther) {
  Seen seen;
  seen.output.logits[2][1] = 25;
  seen.output.logits[3][1] = 24;
  EXPECT_EQ(seen.detections()[1].boxes.size(0), 1);
  EXPECT_EQ(seen.detections()[0].boxes.size(0), 0) << "another image";
  seen.output.logits[3][1] = 0;
  seen.output.logits[3][3] = 24;
  EXPECT_EQ(seen.detections()[1].boxes.size(0), 2);
  seen.config.detection.topk_per_image = 1;
  const Detections best = seen.detections()[1];
  EXPECT_TRUE(at::equal(best.classes, at::tensor({1}, at::kLong)));
}

TEST(Detections, ThatAreNoNumbersAreLeftOut) {
  Seen seen;
  seen.output.logits[0][1] = 25;
  seen.output.deltas[0][4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(seen.detections()[0].boxes.size(0), 0);
}

TEST(Detections, GoToTheirImage) {
  const Detections found{at::tensor({0.F, 0.F, 20.F, 10.F, 30.F, 0.F, 40.F, 10.F}).view({2, 4}),
                         at::tensor({0.9F, 0.8F}), at::tensor({1, 2}, at::kLong),
                         at::rand({2, 6, 6})};
  // Two columns of the input are padding: both sides grow by 4.
  const Detections padded = rescale_detections(found, {10, 40}, {40, 80}, BoxRescaling::one_factor);
  EXPECT_TRUE(at::equal(padded.boxes, at::tensor({0.F, 0.F, 80.F, 40.F}).view({1, 4})))
      << "the other is beyond the edge";
  EXPECT_TRUE(at::equal(padded.masks, found.masks.narrow(0, 0, 1)));
  const Detections whole = rescale_detections(found, {10, 40}, {40, 80}, BoxRescaling::two_factors);
  EXPECT_TRUE(at::equal(whole.boxes[1], at::tensor({60.F, 0.F, 80.F, 40.F})));
  EXPECT_EQ(whole.scores.size(0), 2);
}

}  // namespace
}  // namespace convmae
