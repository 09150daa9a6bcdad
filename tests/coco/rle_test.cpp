#include "convmae/coco/rle.h"

#include "convmae/base/error.h"
#include "convmae/base/random.h"

#include <gtest/gtest.h>

#include "support/malformed.h"
#include <algorithm>

namespace convmae::coco {
namespace {

// The text is what pycocotools makes of these runs.
const Rle kCrowd{{42, 54}, {100, 20, 500, 30, 1618}};
constexpr const char* kCrowdText = "T3d0d?:nR1";

/// Two rows of three pixels: the corners of the diagonal and the middle of the first row.
const std::vector<std::uint8_t> kPixels{1, 1, 0, 0, 0, 1};
const Rle kMask{{2, 3}, {0, 1, 1, 1, 2, 1}};

std::vector<std::uint8_t> random_pixels(Size size, std::uint64_t seed) {
  CounterRandom draw(seed, 0, 0, Purpose::augment);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size.height * size.width));
  const double share = draw.uniform();
  for (std::uint8_t& pixel : pixels) pixel = draw.uniform() < share ? 1 : 0;
  return pixels;
}

TEST(Rle, TextIsThatOfPycocotools) {
  EXPECT_EQ(rle_text(kCrowd), kCrowdText);
  EXPECT_EQ(rle_from_text({42, 54}, kCrowdText), kCrowd);
  const std::vector<std::int64_t> runs(kCrowd.runs.begin(), kCrowd.runs.end());
  EXPECT_EQ(rle_from_runs({42, 54}, runs), kCrowd);
}

TEST(Rle, PixelsGoDownTheColumns) {
  EXPECT_EQ(rle_from_pixels({2, 3}, kPixels), kMask);
  EXPECT_EQ(rle_pixels(kMask), kPixels);
}

TEST(Rle, PixelsTextAndRunsAreOneMask) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Size size{1 + static_cast<std::int64_t>(seed % 7), 1 + static_cast<std::int64_t>(seed)};
    const std::vector<std::uint8_t> pixels = random_pixels(size, seed);
    const Rle rle = rle_from_pixels(size, pixels);
    EXPECT_EQ(rle_pixels(rle_from_text(size, rle_text(rle))), pixels);
    EXPECT_EQ(rle_area(rle), std::ranges::count(pixels, 1));
  }
}

TEST(Rle, BoxesHoldAllPixelsAndNoEmptyMargin) {
  EXPECT_EQ(rle_box(kMask), (XywhBox{0, 0, 3, 2}));
  EXPECT_EQ(rle_box({{5, 5}, {6, 2, 17}}), (XywhBox{1, 1, 1, 2}));
  EXPECT_EQ(rle_box({{5, 5}, {9, 2, 14}}), (XywhBox{1, 0, 2, 5})) << "over the end of a column";
  EXPECT_EQ(rle_box({{5, 5}, {25}}), (XywhBox{0, 0, 0, 0}));
  EXPECT_EQ(rle_box({{5, 5}, {7, 0, 18}}), (XywhBox{0, 0, 0, 0})) << "a run of no pixels";
}

TEST(Rle, MergesAreThoseOfThePixels) {
  const Size size{6, 9};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<std::uint8_t> a = random_pixels(size, 2 * seed);
    const std::vector<std::uint8_t> b = random_pixels(size, 2 * seed + 1);
    const std::vector<Rle> masks{rle_from_pixels(size, a), rle_from_pixels(size, b)};
    std::vector<std::uint8_t> any(a.size());
    std::vector<std::uint8_t> all(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      any[i] = a[i] | b[i];
      all[i] = a[i] & b[i];
    }
    EXPECT_EQ(rle_union(masks), rle_from_pixels(size, any));
    EXPECT_EQ(rle_common(masks), rle_from_pixels(size, all));
    EXPECT_EQ(rle_intersection(masks[0], masks[1]), std::ranges::count(all, 1));
  }
}

TEST(Rle, RunsOfLengthZeroDoNotEndAWalk) {
  const Rle zeros{{1, 6}, {1, 2, 0, 0, 0, 1, 2}};
  const Rle plain{{1, 6}, {1, 3, 2}};
  EXPECT_EQ(rle_intersection(zeros, zeros), 3);
  EXPECT_EQ(rle_iou(zeros, plain, false), 1);
}

TEST(Rle, IouIsOverTheDetectionWhereTheOtherIsACrowd) {
  const Rle half{{1, 4}, {0, 2, 2}};
  const Rle all{{1, 4}, {0, 4}};
  EXPECT_EQ(rle_iou(half, all, false), 0.5);
  EXPECT_EQ(rle_iou(half, all, true), 1);
  EXPECT_EQ(rle_iou(all, half, true), 0.5);
  EXPECT_EQ(rle_iou(half, {{1, 4}, {2, 2}}, false), 0);
  EXPECT_EQ(rle_iou(half, {{2, 2}, {0, 4}}, false), -1) << "of another size, as pycocotools says";
}

TEST(Rle, RefusesRunsThatAreNoMask) {
  const auto refuses = [](std::vector<std::int64_t> runs, const std::string& says) {
    test::expect_refused([](auto&) { return std::string(); },
                         [&](const std::string&) {
                           rle_from_runs({4, 5}, runs);
                         },
                         says, 1);
  };
  refuses({10, 9}, "found a sum of 19");
  refuses({10, 11}, "a larger sum");
  refuses({21, -1}, "a larger sum");
  refuses({-1, 21}, "0 or more, found -1");
  refuses({}, "found a sum of 0");
  refuses({std::int64_t{1} << 62, std::int64_t{1} << 62}, "a larger sum");
  EXPECT_THROW(rle_from_runs({0, 5}, {}), UserError);
  EXPECT_THROW(rle_from_runs({std::int64_t{1} << 31, 4}, {}), UserError);
}

TEST(Rle, RefusesTextThatIsNoMask) {
  const auto refuses = [](const std::string& text, const std::string& says) {
    test::expect_refused([&](auto&) { return text; },
                         [](const std::string& file) {
                           rle_from_text({42, 54}, file);
                         },
                         says, 1);
  };
  refuses("T3d0d?:nR", "the end of the text");
  refuses("T3d0d?:", "found a sum of 650");
  refuses("T3d0d?:nR1nR1", "a larger sum");
  refuses("T3d0 ?", "characters from '0' to 'o'");
  refuses("T3d0\xff", "characters from '0' to 'o'");
  refuses(std::string("T3\0", 3), "characters from '0' to 'o'");
  refuses("oooooooooo1", "a longer one");
  refuses("O", "0 or more, found -1");
  refuses("", "found a sum of 0");
}

TEST(BoxIou, IsThatOfContinuousCoordinates) {
  EXPECT_EQ(box_iou({0, 0, 2, 2}, {1, 0, 2, 2}, false), 2.0 / 6);
  EXPECT_EQ(box_iou({0, 0, 2, 2}, {1, 0, 2, 2}, true), 0.5);
  EXPECT_EQ(box_iou({0, 0, 2, 2}, {2, 0, 2, 2}, false), 0) << "they touch";
  EXPECT_EQ(box_iou({0, 0, 0, 0}, {0, 0, 0, 0}, false), 0);
}

}  // namespace
}  // namespace convmae::coco
