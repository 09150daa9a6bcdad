#include "convmae/data/decode/decode.h"

#include "convmae/data/sources/file_source.h"

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

Box random_part(Size size, std::mt19937& random) {
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const std::int64_t top = below(size.height);
  const std::int64_t left = below(size.width);
  return {top, left, 1 + below(size.height - top), 1 + below(size.width - left)};
}

/// Every sampling of colour and way of coding takes another path through the decoder.
class DecodePart : public testing::TestWithParam<const char*> {};

TEST_P(DecodePart, GivesThePixelsOfTheWholeImage) {
  const std::vector<std::uint8_t> encoded = contents(GetParam());
  Image whole;
  decode_image(encoded, {}, whole);
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    const Box wanted = random_part(whole.size(), random);
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
  encoded.erase(encoded.end() - 2, encoded.end());
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
          const std::int64_t row = y * factor + i / factor;
          const std::int64_t column = x * factor + i % factor;
          mean += whole.row<std::uint8_t>(row)[column * 3 + c];
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
    std::int64_t factor = 1;
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
  for (const char* name : {"data/images/subsampled_420.jpg", "data/images/subsampled_422.jpg",
                           "data/images/subsampled_444.jpg", "data/images/progressive_420.jpg",
                           "data/images/restart_420.jpg"}) {
    const std::vector<std::uint8_t> encoded = contents(name);
    std::mt19937 random(5);
    for (int i = 0; i < 100; ++i) {
      const std::int64_t factor = 1 << random() % 3;
      // A cover that the part just reaches at that scale.
      Image reduced;
      DecodeOptions fast;
      const Box part_wanted = random_part({141 / factor, 173 / factor}, random);
      const Box wanted{part_wanted.top * factor, part_wanted.left * factor,
                       part_wanted.height * factor, part_wanted.width * factor};
      fast.fast_cover = Size{part_wanted.height, part_wanted.width};
      Image part;
      const Box found = decode_part(
          encoded, fast, [&wanted](Size) { return wanted; }, part);
      fast.fast_cover = Size{141 / factor, 173 / factor};
      decode_part(encoded, fast, whole_image, reduced);
      ASSERT_EQ(found.height, part_wanted.height);
      ASSERT_EQ(found.width, part_wanted.width);
      EXPECT_TRUE(same_pixels(reduced, part_wanted, part, found))
          << name << " at 1/" << factor << ": " << wanted.top << " " << wanted.left << " "
          << wanted.height << " " << wanted.width;
    }
  }
}

/// All that is inexact then is that colour of a lower resolution is repeated.
TEST(FastDecode, IsExactForFullColourThatIsNotReduced) {
  for (const bool full_colour : {true, false}) {
    const std::vector<std::uint8_t> encoded =
        contents(full_colour ? "data/images/subsampled_444.jpg" : "data/images/subsampled_420.jpg");
    Image exact;
    decode_image(encoded, {}, exact);
    Image fast;
    decode_image(encoded, {.fast_cover = exact.size()}, fast);
    const Box all = whole_image(exact.size());
    EXPECT_EQ(same_pixels(exact, all, fast, all), full_colour);
  }
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
