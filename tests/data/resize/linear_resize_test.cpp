#include "convmae/data/resize/linear_resize.h"

#include "convmae/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace convmae {
namespace {

Image noise(Size size, std::int64_t channels, PixelType type) {
  Image image(size, channels, type);
  CounterRandom random(1, 2, 3, Purpose::crop);
  for (std::int64_t i = 0; i < image.num_values(); ++i) {
    switch (type) {
      case PixelType::uint8:
        image.values<std::uint8_t>()[static_cast<std::size_t>(i)] =
            static_cast<std::uint8_t>(random.bits());
        break;
      case PixelType::uint16:
        image.values<std::uint16_t>()[static_cast<std::size_t>(i)] =
            static_cast<std::uint16_t>(random.bits());
        break;
      case PixelType::float32:
        image.values<float>()[static_cast<std::size_t>(i)] = random.uniform();
    }
  }
  return image;
}

double value_at(const Image& image, std::int64_t y, std::int64_t x, std::int64_t c) {
  const auto place = static_cast<std::size_t>((y * image.width() + x) * image.channels() + c);
  switch (image.type()) {
    case PixelType::uint8:
      return image.values<std::uint8_t>()[place];
    case PixelType::uint16:
      return image.values<std::uint16_t>()[place];
    case PixelType::float32:
      break;
  }
  return image.values<float>()[place];
}

/// Bilinear interpolation between pixel centres in exact arithmetic, the border's pixels repeated.
double exact(const Image& in, Size to, std::int64_t y, std::int64_t x, std::int64_t c) {
  const auto place = [](std::int64_t i, std::int64_t from, std::int64_t length) {
    const double centre =
        (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(length) -
        0.5;
    return std::clamp(centre, 0.0, static_cast<double>(from - 1));
  };
  const double py = place(y, in.height(), to.height);
  const double px = place(x, in.width(), to.width);
  const auto y0 = static_cast<std::int64_t>(py);
  const auto x0 = static_cast<std::int64_t>(px);
  const std::int64_t y1 = std::min(y0 + 1, in.height() - 1);
  const std::int64_t x1 = std::min(x0 + 1, in.width() - 1);
  const double fy = py - static_cast<double>(y0);
  const double fx = px - static_cast<double>(x0);
  return (1 - fy) * ((1 - fx) * value_at(in, y0, x0, c) + fx * value_at(in, y0, x1, c)) +
         fy * ((1 - fx) * value_at(in, y1, x0, c) + fx * value_at(in, y1, x1, c));
}

constexpr Size kSizes[] = {{1, 1}, {1, 9}, {7, 1}, {13, 10}, {26, 20}, {6, 5}, {31, 3}, {50, 77}};

TEST(LinearResize, IsBilinearInEveryTypeAndAnyNumberOfChannels) {
  for (const PixelType type : {PixelType::uint8, PixelType::uint16, PixelType::float32}) {
    const Image in = noise({12, 10}, type == PixelType::uint8 ? 3 : 5, type);
    // The 11 bits of weight and what is cut off on the way; rounding of the result.
    const double tolerance = type == PixelType::uint8 ? 1.0 : 1e-6 * full_scale(type);
    LinearResizer resizer;
    Image out;
    for (const Size size : kSizes) {
      resizer.resize(in, size, {0, 0, size.height, size.width}, out);
      ASSERT_EQ(out.size(), size);
      ASSERT_EQ(out.type(), type == PixelType::uint8 ? type : PixelType::float32);
      for (std::int64_t y = 0; y < size.height; ++y) {
        for (std::int64_t x = 0; x < size.width; ++x) {
          for (std::int64_t c = 0; c < in.channels(); ++c) {
            ASSERT_NEAR(value_at(out, y, x, c), exact(in, size, y, x, c), tolerance)
                << size_text(size) << " at " << y << ", " << x;
          }
        }
      }
    }
  }
}

TEST(LinearResize, KeepsAnImageOfItsSize) {
  const Image in = noise({9, 11}, 4, PixelType::uint8);
  LinearResizer resizer;
  Image out;
  resizer.resize(in, in.size(), {0, 0, 9, 11}, out);
  EXPECT_TRUE(std::ranges::equal(in.values<std::uint8_t>(), out.values<std::uint8_t>()));
}

TEST(LinearResize, ExactHalvesAreMeansOfFour) {
  const Image in = noise({12, 10}, 3, PixelType::uint8);
  LinearResizer resizer;
  Image out;
  resizer.resize(in, {6, 5}, {0, 0, 6, 5}, out);
  for (std::int64_t y = 0; y < 6; ++y) {
    for (std::int64_t x = 0; x < 5; ++x) {
      const double sum = value_at(in, 2 * y, 2 * x, 1) + value_at(in, 2 * y, 2 * x + 1, 1) +
                         value_at(in, 2 * y + 1, 2 * x, 1) + value_at(in, 2 * y + 1, 2 * x + 1, 1);
      EXPECT_EQ(value_at(out, y, x, 1), std::floor((sum + 2) / 4));
    }
  }
}

TEST(LinearResize, AWindowIsAPartOfTheWhole) {
  for (const PixelType type : {PixelType::uint8, PixelType::uint16}) {
    const Image in = noise({12, 10}, 2, type);
    LinearResizer resizer;
    Image whole;
    Image part;
    for (const Size size : {Size{6, 5}, Size{31, 17}, Size{5, 33}}) {
      resizer.resize(in, size, {0, 0, size.height, size.width}, whole);
      const Box window{2, 1, size.height - 3, size.width - 2};
      resizer.resize(in, size, window, part);
      ASSERT_EQ(part.size(), (Size{window.height, window.width}));
      for (std::int64_t y = 0; y < window.height; ++y) {
        for (std::int64_t x = 0; x < window.width; ++x) {
          ASSERT_EQ(value_at(part, y, x, 1), value_at(whole, y + window.top, x + window.left, 1));
        }
      }
    }
  }
}

TEST(NearestIndices, AreThoseOfOpenCv) {
  EXPECT_EQ(nearest_indices(4, 8), (std::vector<std::int64_t>{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(nearest_indices(6, 2), (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(nearest_indices(5, 3), (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_EQ(nearest_indices(1, 3), (std::vector<std::int64_t>{0, 0, 0}));
  for (std::int64_t from = 1; from < 60; ++from) {
    for (std::int64_t to = 1; to < 60; ++to) {
      const std::vector<std::int64_t> indices = nearest_indices(from, to);
      EXPECT_TRUE(std::ranges::is_sorted(indices));
      EXPECT_EQ(indices.front(), 0);
      EXPECT_LT(indices.back(), from);
    }
  }
}

}  // namespace
}  // namespace convmae
