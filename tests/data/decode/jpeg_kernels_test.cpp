#include "convmae/data/decode/jpeg_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

namespace convmae {
namespace {

using Block = std::array<float, 64>;

/// Of an image's values: large at low frequencies, and many zeros.
Block random_block(std::mt19937& random) {
  Block block{};
  for (std::size_t u = 0; u < 8; ++u) {
    for (std::size_t v = 0; v < 8; ++v) {
      const auto reach = static_cast<float>(400.0 / static_cast<double>(1 + u + v));
      std::uniform_real_distribution<float> draw(-reach, reach);
      if (random() % 3 != 0) block[8 * u + v] = draw(random);
    }
  }
  return block;
}

/// By definition: the block of `size` that the coefficients of low frequency describe.
double pixel_of(const Block& block, int size, int x, int y) {
  const auto basis = [size](int frequency, int at) {
    return std::sqrt(frequency == 0 ? 0.125 : 0.25) *
           std::cos((2 * at + 1) * frequency * std::numbers::pi / (2 * size));
  };
  double sum = 128;
  for (int u = 0; u < size; ++u) {
    for (int v = 0; v < size; ++v) {
      const std::int64_t at = std::int64_t{8} * u + v;
      sum += static_cast<double>(block[static_cast<std::size_t>(at)]) * basis(u, x) * basis(v, y);
    }
  }
  return std::clamp(sum, 0.0, 255.0);
}

class JpegKernelsTest : public testing::TestWithParam<const JpegKernels*> {};

TEST_P(JpegKernelsTest, TransformBlocksOfEverySize) {
  std::mt19937 random(1);
  for (const int size : {8, 4, 2, 1}) {
    for (int draw = 0; draw < 200; ++draw) {
      const Block block = random_block(random);
      constexpr std::size_t kStride = 11;
      std::array<std::uint8_t, 8 * kStride> out{};
      out.fill(7);
      GetParam()->inverse_transform(block.data(), size, out.data(), kStride);
      for (std::size_t i = 0; i < out.size(); ++i) {
        const auto x = static_cast<int>(i % kStride);
        const auto y = static_cast<int>(i / kStride);
        if (x < size && y < size) {
          ASSERT_NEAR(out[i], pixel_of(block, size, x, y), 0.51) << size << " " << x << " " << y;
        } else {
          ASSERT_EQ(out[i], 7) << "written outside of the block";
        }
      }
    }
  }
}

TEST_P(JpegKernelsTest, ConvertColours) {
  std::vector<std::uint8_t> luma;
  std::vector<std::uint8_t> blue;
  std::vector<std::uint8_t> red;
  for (int y = 0; y < 256; y += 5) {
    for (int b = 0; b < 256; b += 15) {
      for (int r = 0; r < 256; r += 17) {
        luma.push_back(static_cast<std::uint8_t>(y));
        blue.push_back(static_cast<std::uint8_t>(b));
        red.push_back(static_cast<std::uint8_t>(r));
      }
    }
  }
  const std::size_t count = luma.size() - JpegKernels::kMore;
  std::vector<std::uint8_t> rgb(3 * luma.size());
  GetParam()->to_rgb(luma.data(), blue.data(), red.data(), static_cast<std::int64_t>(count),
                     rgb.data());
  for (std::size_t i = 0; i < count; ++i) {
    const double y = luma[i];
    const double b = blue[i] - 128.0;
    const double r = red[i] - 128.0;
    const std::array expected{y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b};
    for (std::size_t c = 0; c < 3; ++c) {
      ASSERT_NEAR(rgb[3 * i + c], std::clamp(expected[c], 0.0, 255.0), 0.7) << y << b << r;
    }
  }
}

TEST_P(JpegKernelsTest, RepeatNumbers) {
  const std::vector<std::uint8_t> in{1, 2, 3, 4, 5};
  for (const std::size_t factor : {2U, 3U, 4U}) {
    std::vector<std::uint8_t> out(in.size() * factor);
    GetParam()->repeat(in.data(), std::ssize(in), static_cast<std::int64_t>(factor), out.data());
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], in[i / factor]);
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, JpegKernelsTest,
                         testing::Values(&kJpegGeneric, &jpeg_kernels()));

}  // namespace
}  // namespace convmae
