#include "convmae/data/augment/warp_kernels.h"

#include "convmae/base/random.h"
#include "convmae/data/augment/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace convmae {
namespace {

Image noise(Size size, CounterRandom& random) {
  Image image(size, 3);
  // Black and white, so that cubics overshoot on both sides.
  for (std::uint8_t& value : image.values<std::uint8_t>()) {
    value = random.uniform() < 0.5F ? static_cast<std::uint8_t>(random.below(256))
                                    : static_cast<std::uint8_t>(255 * random.below(2));
  }
  return image;
}

Image warped(const WarpKernels& kernels, const Image& image, const std::array<double, 6>& map) {
  const Rgb fill{1, 2, 3};
  Image out(image.size(), 3);
  const WarpSource source{image.row<std::uint8_t>(0), image.height(), image.width(), map.data(),
                          fill.data()};
  for (std::int64_t y = 0; y < image.height(); ++y) {
    kernels.row(source, y, 0, image.width(), out.row<std::uint8_t>(y));
  }
  return out;
}

TEST(WarpKernels, TheFastestVariantGivesThePortablePixels) {
  CounterRandom random(1, 0, 0, Purpose::augment);
  const auto shift = [&] { return random.uniform(-20, 20); };
  const auto slope = [&] { return random.uniform(-0.3, 0.3); };
  for (const Size size : {Size{1, 1}, Size{2, 3}, Size{4, 4}, Size{5, 40}, Size{61, 47}}) {
    const Image image = noise(size, random);
    for (int i = 0; i < 20; ++i) {
      for (const std::array<double, 6>& map : {
               std::array<double, 6>{1, slope(), 0, 0, 1, 0},
               std::array<double, 6>{1, 0, 0, slope(), 1, 0},
               std::array<double, 6>{1, 0, shift(), 0, 1, 0},
               std::array<double, 6>{1, 0, 0, 0, 1, shift()},
               std::array<double, 6>{1, 0, 3, 0, 1, -2},
               augment_detail::rotation(random.uniform(-30, 30), size),
               std::array<double, 6>{1 + slope(), slope(), shift(), slope(), 1 + slope(), shift()},
           }) {
        const Image expected = warped(kWarpGeneric, image, map);
        const Image found = warped(warp_kernels(), image, map);
        ASSERT_TRUE(
            std::ranges::equal(expected.values<std::uint8_t>(), found.values<std::uint8_t>()))
            << size.height << "x" << size.width << " " << map[0] << " " << map[1] << " " << map[2]
            << " " << map[3] << " " << map[4] << " " << map[5];
      }
    }
  }
}

}  // namespace
}  // namespace convmae
