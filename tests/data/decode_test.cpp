#include "convmae/data/decode.h"

#include "convmae/data/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

}  // namespace
}  // namespace convmae
