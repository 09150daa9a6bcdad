#include "convmae/data/augment/photometric.h"

#include <gtest/gtest.h>

#include "objects/fixed_draws.h"
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

namespace convmae {
namespace {

Image image_of(std::int64_t width, const std::vector<Rgb>& colours) {
  Image image({std::ssize(colours) / width, width}, 3);
  auto values = image.values<std::uint8_t>().begin();
  for (const Rgb& colour : colours) values = std::ranges::copy(colour, values).out;
  return image;
}

Rgb first_of(const Image& image) {
  const auto values = image.values<std::uint8_t>();
  return {values[0], values[1], values[2]};
}

/// Every 17th level of each channel.
std::vector<Rgb> many_colours() {
  std::vector<Rgb> colours;
  for (int r = 0; r < 256; r += 17) {
    for (int g = 0; g < 256; g += 17) {
      for (int b = 0; b < 256; b += 17) {
        colours.push_back({static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(g),
                           static_cast<std::uint8_t>(b)});
      }
    }
  }
  return colours;
}

TEST(Photometric, HsvIsWhatItIsCalled) {
  using Hsv = std::array<std::uint8_t, 3>;
  EXPECT_EQ(hsv_of({255, 0, 0}), (Hsv{0, 255, 255}));
  EXPECT_EQ(hsv_of({0, 255, 0}), (Hsv{60, 255, 255}));
  EXPECT_EQ(hsv_of({0, 0, 255}), (Hsv{120, 255, 255}));
  EXPECT_EQ(hsv_of({200, 100, 100}), (Hsv{0, 127, 200}));
  EXPECT_EQ(hsv_of({255, 0, 10}), (Hsv{179, 255, 255}));
  EXPECT_EQ(hsv_of({9, 9, 9}), (Hsv{0, 0, 9}));
  EXPECT_EQ(hsv_of({0, 0, 0}), (Hsv{0, 0, 0}));
}

TEST(Photometric, ColoursComeBackFromHsv) {
  // A step of hue is a sixtieth of what a channel may have, and half of one is lost.
  constexpr int kTolerance = 5;
  for (const Rgb& colour : many_colours()) {
    for (const ToLevel to_level : {ToLevel::cut_off, ToLevel::round}) {
      const Rgb back = rgb_of_hsv(hsv_of(colour), to_level);
      for (std::size_t c = 0; c < 3; ++c) EXPECT_LE(std::abs(back[c] - colour[c]), kTolerance);
    }
  }
}

TEST(Photometric, LevelsAreCutOffToWholeOnes) {
  Image image = image_of(3, {{0, 1, 2}, {100, 101, 200}, {254, 255, 3}});
  scale_levels(1, -7.5F, image);
  EXPECT_TRUE(std::ranges::equal(image.values<std::uint8_t>(),
                                 std::array{0, 0, 0, 92, 93, 192, 246, 247, 0}));
  image = image_of(1, {{100, 101, 200}});
  scale_levels(1.31F, 0, image);
  EXPECT_EQ(first_of(image), (Rgb{131, 132, 255}));
}

TEST(Photometric, HuesGoRoundAndSaturationIsLimited) {
  Image image = image_of(1, {{255, 0, 0}});
  turn_hue(60, image);
  EXPECT_EQ(first_of(image), (Rgb{0, 255, 0}));
  turn_hue(-120, image);
  EXPECT_EQ(first_of(image), (Rgb{0, 0, 255}));
  scale_saturation(1.5F, image);
  EXPECT_EQ(first_of(image), (Rgb{0, 0, 255}));
  scale_saturation(0, image);
  EXPECT_EQ(first_of(image), (Rgb{255, 255, 255}));
}

TEST(Photometric, OnlyTheRestOfARowIsRounded) {
  std::vector<Rgb> row(40, Rgb{90, 140, 33});
  Image image = image_of(40, row);
  turn_hue(5, image);
  const std::array<std::uint8_t, 3> hsv = hsv_of(row.front());
  const std::array<std::uint8_t, 3> turned{static_cast<std::uint8_t>(hsv[0] + 5), hsv[1], hsv[2]};
  const Rgb cut = rgb_of_hsv(turned, ToLevel::cut_off);
  const Rgb rounded = rgb_of_hsv(turned, ToLevel::round);
  ASSERT_NE(cut, rounded);
  const auto values = image.values<std::uint8_t>();
  for (std::size_t x = 0; x < 40; ++x) {
    const Rgb found{values[3 * x], values[3 * x + 1], values[3 * x + 2]};
    EXPECT_EQ(found, x < 32 ? cut : rounded) << x;
  }
}

TEST(Photometric, DrawsEachOperationInItsOrder) {
  const Rgb colour{120, 130, 90};
  Image image = image_of(1, {colour});
  // no brightness, contrast last, no saturation, no hue, no contrast
  distort(image, test::fixed_draws({0, 0, 0, 0, 0}));
  EXPECT_EQ(first_of(image), colour);

  // all of them, the contrast first
  distort(image, test::fixed_draws({0.5, 0.75, 0.5, 0.5, 0.25, 0.5, 0.9, 0.5, 0.25}));
  Image expected = image_of(1, {colour});
  scale_levels(1, 16, expected);
  scale_levels(0.75F, 0, expected);
  scale_saturation(1.4F, expected);
  turn_hue(-9, expected);
  EXPECT_EQ(first_of(image), first_of(expected));

  // hue alone, then contrast
  image = image_of(1, {colour});
  distort(image, test::fixed_draws({0, 0, 0, 0.5, 0.999, 0.5, 0.5}));
  expected = image_of(1, {colour});
  turn_hue(17, expected);
  EXPECT_EQ(first_of(image), first_of(expected)) << "a factor of 1";
}

}  // namespace
}  // namespace convmae
