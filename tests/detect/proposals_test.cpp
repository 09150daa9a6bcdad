#include "convmae/detect/proposals.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <cmath>
#include <limits>
#include <vector>

namespace convmae {
namespace {

/// Anchors that all say no, on the levels of the small detectors' images.
struct Anchored {
  explicit Anchored(std::int64_t images) : config(small_detector("alpha")) {
    std::vector<at::Tensor> levels;
    for (const auto& [height, width] :
         std::vector<Size>{{16, 24}, {8, 12}, {4, 6}, {2, 3}, {1, 2}}) {
      levels.push_back(at::zeros({images, 8, height, width}));
      output.logits.push_back(at::full({images, 3, height, width}, -10.0F));
      output.deltas.push_back(at::zeros({images, 12, height, width}));
    }
    anchors = anchors_of(levels, config);
  }

  /// The anchor of ratio 1 at a place of a level.
  at::Tensor anchor(std::size_t level, std::int64_t row, std::int64_t column) const {
    const std::int64_t width = output.logits[level].size(3);
    return anchors[level][3 * (row * width + column) + 1];
  }
  void say(std::size_t level, std::int64_t row, std::int64_t column, float logit,
           std::int64_t image = 0) {
    output.logits[level][image][1][row][column] = logit;
  }
  std::vector<Proposals> propose_on(const std::vector<Size>& sizes,
                                    PassMode mode = PassMode::inference) const {
    return propose(output, anchors, sizes, config.proposals, mode);
  }

  DetectorConfig config;
  AnchorOutput output;
  std::vector<at::Tensor> anchors;
};

constexpr Size kWhole{64, 96};

TEST(Proposals, ComeInTheOrderOfTheirLogits) {
  Anchored net(1);
  net.say(1, 4, 5, 3);
  net.say(0, 2, 20, 5);
  net.say(3, 1, 1, 4);
  const Proposals found = net.propose_on({kWhole}).front();
  EXPECT_TRUE(at::equal(found.logits.narrow(0, 0, 3), at::tensor({5.F, 4.F, 3.F})));
  EXPECT_TRUE(at::allclose(found.boxes[0], net.anchor(0, 2, 20)));
  EXPECT_TRUE(at::allclose(found.boxes[2], net.anchor(1, 4, 5)));
}

TEST(Proposals, AreMovedAsTheDeltasSay) {
  Anchored net(1);
  net.say(1, 4, 5, 3);
  // A quarter of the side to the right, and twice as high.
  net.output.deltas[1][0][4][4][5] = 0.25F;
  net.output.deltas[1][0][7][4][5] = std::log(2.0F);
  const at::Tensor box = net.propose_on({kWhole}).front().boxes[0];
  const at::Tensor anchor = net.anchor(1, 4, 5);
  EXPECT_TRUE(at::allclose(box, anchor + at::tensor({4.F, -8.F, 4.F, 8.F})));
}

TEST(Proposals, EndAtTheirOwnImage) {
  Anchored net(2);
  for (const std::int64_t image : {0, 1}) net.say(2, 1, 3, 6, image);
  const auto found = net.propose_on({{20, 50}, kWhole});
  const at::Tensor anchor = net.anchor(2, 1, 3);
  EXPECT_TRUE(at::equal(found[0].boxes[0], at::tensor({32.F, 0.F, 50.F, 20.F})));
  EXPECT_TRUE(at::equal(found[1].boxes[0], anchor));
  // What lies in the padding has no area.
  Anchored padding(1);
  padding.say(0, 15, 23, 9);
  EXPECT_LT(padding.propose_on({{20, 50}}).front().logits.max().item<float>(), 0);
}

TEST(Proposals, OfOneLevelSuppressEachOther) {
  Anchored net(1);
  net.say(1, 4, 5, 5);
  net.output.logits[1][0][1][4][6] = 4;
  net.output.deltas[1][0][4][4][6] = -0.5F;  // onto its neighbour
  net.say(2, 2, 2, 3);
  const Proposals found = net.propose_on({kWhole}).front();
  EXPECT_TRUE(at::equal(found.logits.narrow(0, 0, 2), at::tensor({5.F, 3.F})));
  // Of another level it stays.
  net.output.logits[2][0][1][2][2] = 4.5F;
  net.output.deltas[2][0][4][2][2] = 0.25F;
  net.output.deltas[2][0][6][2][2] = std::log(0.5F);
  net.output.deltas[2][0][7][2][2] = std::log(0.5F);
  const Proposals both = net.propose_on({kWhole}).front();
  EXPECT_EQ(both.logits[1].item<float>(), 4.5F);
  EXPECT_TRUE(at::allclose(both.boxes[0], both.boxes[1]));
}

TEST(Proposals, ThatAreNoNumbersAreLeftOut) {
  Anchored net(1);
  net.say(1, 4, 5, std::numeric_limits<float>::quiet_NaN());
  net.say(1, 4, 8, 7);
  net.output.deltas[1][0][5][4][8] = std::numeric_limits<float>::infinity();
  const Proposals found = net.propose_on({kWhole}).front();
  EXPECT_TRUE(found.boxes.isfinite().all().item<bool>());
  EXPECT_LT(found.logits.max().item<float>(), 0);
}

TEST(Proposals, HaveNumbersOfTheirOwnInTraining) {
  Anchored net(1);
  net.config.proposals.post_nms_topk = {7, 3};
  EXPECT_EQ(net.propose_on({kWhole}, PassMode::training).front().boxes.size(0), 7);
  EXPECT_EQ(net.propose_on({kWhole}).front().boxes.size(0), 3);
  net.config.proposals.min_box_size = 1000;
  EXPECT_EQ(net.propose_on({kWhole}).front().boxes.size(0), 0);
}

}  // namespace
}  // namespace convmae
