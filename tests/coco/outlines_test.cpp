#include "convmae/coco/outlines.h"

#include "convmae/base/random.h"
#include "convmae/coco/polygon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace convmae::coco {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// A mask of rows of '#' and other characters.
Rle mask_of(std::initializer_list<std::string_view> rows) {
  const Size size{std::ssize(rows), std::ssize(*rows.begin())};
  std::vector<std::uint8_t> pixels;
  for (const std::string_view row : rows) {
    for (const char c : row) pixels.push_back(c == '#' ? 1 : 0);
  }
  return rle_from_pixels(size, pixels);
}

/// What is in an odd number of the outlines.
Rle drawn(const std::vector<Outline>& outlines, Size size) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size.height * size.width));
  for (const Outline& outline : outlines) {
    const std::vector<std::uint8_t> own = rle_pixels(rle_from_polygon(size, outline.points));
    for (std::size_t i = 0; i < own.size(); ++i) pixels[i] ^= own[i];
  }
  return rle_from_pixels(size, pixels);
}

TEST(Outlines, GoClockwiseAlongTheEdgesOfPixels) {
  const auto outlines = outlines_of(mask_of({".....",  //
                                             ".##..",  //
                                             ".#...",  //
                                             "....."}));
  ASSERT_THAT(outlines, SizeIs(1));
  EXPECT_THAT(outlines[0].points, ElementsAre(1, 1, 3, 1, 3, 2, 2, 2, 2, 3, 1, 3));
  EXPECT_FALSE(outlines[0].is_hole);
}

TEST(Outlines, ReachToTheEndsOfTheImage) {
  const auto outlines = outlines_of(mask_of({"##", "##"}));
  ASSERT_THAT(outlines, SizeIs(1));
  EXPECT_THAT(outlines[0].points, ElementsAre(0, 0, 2, 0, 2, 2, 0, 2));
}

TEST(Outlines, OfAnEmptyMaskAreNone) {
  EXPECT_THAT(outlines_of(mask_of({"..", ".."})), IsEmpty());
  EXPECT_THAT(outlines_of({{3, 4}, {12, 0}}), IsEmpty());
}

TEST(Outlines, OfPixelsThatTouchAtACornerAreTwo) {
  EXPECT_THAT(outlines_of(mask_of({"#.", ".#"})), SizeIs(2));
  EXPECT_THAT(outlines_of(mask_of({".#", "#."})), SizeIs(2));
}

TEST(Outlines, OfHolesGoTheOtherWay) {
  const auto outlines = outlines_of(mask_of({"####",  //
                                             "#.##",  //
                                             "####"}));
  ASSERT_THAT(outlines, SizeIs(2));
  EXPECT_FALSE(outlines[0].is_hole);
  EXPECT_TRUE(outlines[1].is_hole);
  // What is open at a corner is no hole.
  EXPECT_THAT(outlines_of(mask_of({"###", "#.#", "##."})), SizeIs(1));
}

TEST(Outlines, GiveBackThePixelsOfTheirMask) {
  std::int64_t without_holes = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CounterRandom random(seed, 0, 0, Purpose::augment);
    const Size size{1 + static_cast<std::int64_t>(random.uniform() * 9),
                    1 + static_cast<std::int64_t>(random.uniform() * 9)};
    const double share = random.uniform();
    std::vector<std::uint8_t> pixels;
    for (std::int64_t i = 0; i < size.height * size.width; ++i) {
      pixels.push_back(random.uniform() < share ? 1 : 0);
    }
    const Rle mask = rle_from_pixels(size, pixels);
    const std::vector<Outline> outlines = outlines_of(mask);
    EXPECT_EQ(rle_pixels(drawn(outlines, size)), pixels) << "seed " << seed;
    if (outlines.empty() || std::ranges::any_of(outlines, &Outline::is_hole)) continue;
    ++without_holes;
    std::vector<Rle> parts;
    parts.reserve(outlines.size());
    for (const Outline& outline : outlines) {
      parts.push_back(rle_from_polygon(size, outline.points));
    }
    EXPECT_EQ(rle_pixels(rle_union(parts)), pixels) << "as COCO draws polygons, seed " << seed;
  }
  EXPECT_GT(without_holes, 50);
}

}  // namespace
}  // namespace convmae::coco
