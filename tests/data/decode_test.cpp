#include "convmae/data/decode.h"

#include "convmae/data/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace convmae {
namespace {

std::vector<std::uint8_t> contents(const std::string& name) {
  std::vector<std::uint8_t> bytes;
  read_file(std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests" / name, bytes);
  return bytes;
}

bool same_pixels(const Image& whole, const Box& in_whole, const Image& part, const Box& in_part) {
  const std::int64_t values = in_whole.width * whole.channels();
  for (std::int64_t y = 0; y < in_whole.height; ++y) {
    const auto* expected =
        whole.row<std::uint8_t>(in_whole.top + y) + in_whole.left * whole.channels();
    const auto* found = part.row<std::uint8_t>(in_part.top + y) + in_part.left * part.channels();
    if (!std::equal(expected, expected + values, found)) return false;
  }
  return true;
}

/// Every sampling of colour and way of coding takes another path through the decoder.
class DecodePart : public testing::TestWithParam<const char*> {};

TEST_P(DecodePart, GivesThePixelsOfTheWholeImage) {
  const std::vector<std::uint8_t> encoded = contents(GetParam());
  Image whole;
  decode_image(encoded, {}, whole);
  std::mt19937 random(3);
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  for (int i = 0; i < 300; ++i) {
    Box wanted{below(whole.height()), below(whole.width()), 0, 0};
    wanted.height = 1 + below(whole.height() - wanted.top);
    wanted.width = 1 + below(whole.width() - wanted.left);
    Image part;
    const Box found = decode_part(
        encoded, {}, [&wanted](Size) { return wanted; }, part);
    ASSERT_EQ(found.height, wanted.height);
    ASSERT_EQ(found.width, wanted.width);
    ASSERT_LE(found.left + found.width, part.width());
    ASSERT_LE(found.top + found.height, part.height());
    ASSERT_TRUE(same_pixels(whole, wanted, part, found))
        << wanted.top << " " << wanted.left << " " << wanted.height << " " << wanted.width;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, DecodePart,
    testing::Values("golden/images/cmyk_261x301_q90.jpg", "golden/images/gray_281x240_q90.jpg",
                    "golden/images/rgb_333x257_q90.jpg", "data/images/subsampled_420.jpg",
                    "data/images/subsampled_422.jpg", "data/images/subsampled_444.jpg",
                    "data/images/progressive_420.jpg", "data/images/restart_420.jpg",
                    "golden/images/rgba_57x91.png"));

TEST(DecodePart, LeavesOutWhatIsNotNeeded) {
  Image part;
  decode_part(
      contents("golden/images/rgb_333x257_q90.jpg"), {},
      [](Size) {
        return Box{150, 150, 10, 10};
      },
      part);
  EXPECT_LT(part.height(), 120);
  EXPECT_LT(part.width(), 120);
}

TEST(DecodePart, NoticesATruncatedFileWhateverThePart) {
  std::vector<std::uint8_t> encoded = contents("golden/images/rgb_333x257_q90.jpg");
  encoded.resize(encoded.size() - 2);
  Image part;
  const auto first_pixel = [](Size) { return Box{0, 0, 1, 1}; };
  EXPECT_ANY_THROW(decode_part(encoded, {}, first_pixel, part));
}

/// Mean difference between the values of `part` and the means of the blocks of `factor` by `factor`
/// pixels of `whole` that they stand for.
double distance_to_block_means(const Image& whole, const Image& part, std::int64_t factor) {
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t y = 0; (y + 1) * factor <= whole.height(); ++y) {
    for (std::int64_t x = 0; (x + 1) * factor <= whole.width(); ++x) {
      for (std::int64_t c = 0; c < 3; ++c, ++count) {
        double mean = 0;
        for (std::int64_t i = 0; i < factor * factor; ++i) {
          const std::int64_t column = x * factor + i % factor;
          mean += whole.row<std::uint8_t>(y * factor + i / factor)[column * 3 + c];
        }
        mean /= static_cast<double>(factor * factor);
        sum += std::abs(mean - part.row<std::uint8_t>(y)[x * 3 + c]);
      }
    }
  }
  return sum / static_cast<double>(count);
}

TEST(FastDecode, TakesTheSmallestSizeThatStillCovers) {
  const std::vector<std::uint8_t> encoded = contents("golden/images/rgb_333x257_q90.jpg");
  Image whole;
  decode_image(encoded, {}, whole);
  struct Case {
    Size cover;
    std::int64_t factor;
  };
  for (const auto& [cover, factor] :
       {Case{{257, 333}, 1}, Case{{129, 100}, 1}, Case{{128, 166}, 2}, Case{{100, 60}, 2},
        Case{{64, 83}, 4}, Case{{32, 41}, 8}, Case{{1, 1}, 8}}) {
    DecodeOptions fast;
    fast.fast_cover = cover;
    Image part;
    const Box found = decode_part(encoded, fast, whole_image, part);
    EXPECT_EQ(found, (Box{0, 0, 257 / factor, 333 / factor}));
    EXPECT_LT(distance_to_block_means(whole, part, factor), 4.0) << factor;
  }
}

TEST(FastDecode, APartIsThatPartOfTheReducedImage) {
  const std::vector<std::uint8_t> encoded = contents("data/images/subsampled_420.jpg");
  Image exact;
  decode_image(encoded, {}, exact);
  DecodeOptions fast;
  fast.fast_cover = Size{exact.height() / 2, exact.width() / 2};
  Image reduced;
  decode_part(encoded, fast, whole_image, reduced);
  const Box wanted{exact.height() / 4, exact.width() / 4, exact.height() / 2, exact.width() / 2};
  fast.fast_cover = Size{wanted.height / 2, wanted.width / 2};
  Image part;
  const Box found = decode_part(
      encoded, fast, [&wanted](Size) { return wanted; }, part);
  const std::int64_t top = wanted.top / 2;
  const std::int64_t left = wanted.left / 2;
  const Box expected{top, left, (wanted.top + wanted.height) / 2 - top,
                     (wanted.left + wanted.width) / 2 - left};
  ASSERT_EQ(found.height, expected.height);
  ASSERT_EQ(found.width, expected.width);
  EXPECT_TRUE(same_pixels(reduced, expected, part, found));
}

TEST(FastDecode, TurnedImagesKeepTheirSize) {
  std::vector<std::uint8_t> encoded = contents("golden/images/rgb_333x257_q90.jpg");
  // An EXIF segment that says "turn by a quarter", behind the start of image.
  const std::vector<std::uint8_t> exif{0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,    'M', 'M',
                                       0,    42,   0, 0,  0,   8,   0,   1,   1, 0x12, 0,   3,
                                       0,    0,    0, 1,  0,   6,   0,   0,   0, 0,    0,   0};
  encoded.insert(encoded.begin() + 2, exif.begin(), exif.end());
  DecodeOptions fast;
  fast.apply_exif_orientation = true;
  fast.fast_cover = Size{10, 10};
  Image part;
  const Box found = decode_part(encoded, fast, whole_image, part);
  EXPECT_EQ(found, (Box{0, 0, 333, 257}));
}

}  // namespace
}  // namespace convmae
