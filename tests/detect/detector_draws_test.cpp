#include "convmae/detect/detector_draws.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"

namespace convmae {
namespace {

constexpr Size kImage{64, 96};

TEST(DetectorDropPath, LeavesOutWindowsOrImages) {
  const BatchKey key{7, 1, {3, 5, 9}};
  const DropPath by_window = detector_drop_path(small_detector("alpha"), kImage, 0.5, key);
  ASSERT_EQ(by_window.size(), 5U);
  EXPECT_FALSE(by_window[0]) << "the first block has a rate of 0";
  EXPECT_EQ(by_window[1]->mixing.sizes(), at::IntArrayRef({3})) << "a convolutional block";
  // Blocks 0 and 2 of stage 3 attend in windows of 2x2 in a grid of 4x6.
  EXPECT_EQ(by_window[2]->mlp.sizes(), at::IntArrayRef({3, 24}));
  EXPECT_EQ(by_window[3]->mlp.sizes(), at::IntArrayRef({3}));
  const at::Tensor last = by_window[4]->mixing.view({3, 2, 2, 3, 2}).permute({0, 1, 3, 2, 4});
  EXPECT_TRUE(at::equal(last.amax({3, 4}), last.amin({3, 4}))) << "a window stays together";
  EXPECT_EQ(std::get<0>(at::_unique(last)).size(0), 2) << "windows do not";
  EXPECT_EQ(last.max().item<float>(), 2) << "what stays makes up for the others";

  const DropPath by_image = detector_drop_path(small_detector("official"), kImage, 0.5, key);
  EXPECT_EQ(by_image[2]->mlp.sizes(), at::IntArrayRef({3}));
  EXPECT_TRUE(detector_drop_path(small_detector("alpha"), kImage, 0, key).empty());
}

TEST(DetectorDropPath, OfPaddedWindowsHasAScaleAToken) {
  DetectorConfig config = small_detector("official");
  config.drop_path_unit = DropPathUnit::window;
  const DropPath scales = detector_drop_path(config, kImage, 0.5, {7, 1, {3}});
  const at::Tensor last = scales[4]->mixing.view({4, 6});
  EXPECT_TRUE(at::equal(last.narrow(0, 3, 1).narrow(1, 0, 3).amax(),
                        last.narrow(0, 3, 1).narrow(1, 0, 3).amin()));
}

TEST(TrainingDraws, AreFunctionsOfTheImageAlone) {
  const DetectorConfig config = small_detector("alpha");
  TrainingDraws together = training_draws(config, kImage, 0.5, {7, 1, {3, 5}});
  TrainingDraws alone = training_draws(config, kImage, 0.5, {7, 1, {5}});
  EXPECT_EQ(together.anchors[1](100, 10), alone.anchors[0](100, 10));
  EXPECT_EQ(together.proposals[1](100, 10), alone.proposals[0](100, 10));
  for (std::size_t block = 1; block < alone.drop_path.size(); ++block) {
    EXPECT_TRUE(at::equal(together.drop_path[block]->mixing[1], alone.drop_path[block]->mixing[0]));
    EXPECT_TRUE(at::equal(together.drop_path[block]->mlp[1], alone.drop_path[block]->mlp[0]));
  }
  TrainingDraws later = training_draws(config, kImage, 0.5, {7, 2, {5}});
  EXPECT_NE(later.anchors[0](100, 10), alone.anchors[0](100, 10));
  EXPECT_NE(later.anchors[0](100, 10), later.proposals[0](100, 10));
}

}  // namespace
}  // namespace convmae
