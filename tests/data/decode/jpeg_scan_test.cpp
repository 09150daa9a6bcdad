#include "convmae/data/decode/jpeg_scan.h"

#include "convmae/data/decode/decode.h"

#include <gtest/gtest.h>

#include "malformed_image.h"
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace convmae {
namespace {

std::vector<std::uint8_t> bytes_of(const std::string& file) { return {file.begin(), file.end()}; }

std::vector<std::uint8_t> image(const std::string& name) {
  return bytes_of(test::sound_image(name));
}

Image decoded(const std::vector<std::uint8_t>& encoded, bool fast, std::int64_t channels = 3) {
  DecodeOptions options;
  options.channels = channels;
  if (fast) options.fast_cover = Size{10'000, 10'000};
  Image whole;
  const Box where = decode_part(encoded, options, whole_image, whole);
  Image cut({where.height, where.width}, whole.channels());
  for (std::int64_t y = 0; y < where.height; ++y) {
    std::copy_n(whole.row<std::uint8_t>(where.top + y) + where.left * whole.channels(),
                where.width * whole.channels(), cut.row<std::uint8_t>(y));
  }
  return cut;
}

double mean_distance(const Image& a, const Image& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (std::int64_t i = 0; i < a.num_values(); ++i) {
    sum += std::abs(a.row<std::uint8_t>(0)[i] - b.row<std::uint8_t>(0)[i]);
  }
  return sum / static_cast<double>(a.num_values());
}

TEST(FastJpeg, GivesThePixelsOfTheLibraryUpToRounding) {
  const std::vector<std::uint8_t> full = image("subsampled_444.jpg");
  EXPECT_LT(mean_distance(decoded(full, true), decoded(full, false)), 1.0);
  for (const char* name : {"subsampled_420.jpg", "subsampled_422.jpg", "restart_420.jpg"}) {
    // Colour is repeated here and interpolated there; what is left of it is grey.
    EXPECT_LT(mean_distance(decoded(image(name), true), decoded(image(name), false)), 6.0) << name;
    EXPECT_LT(mean_distance(decoded(image(name), true, 1), decoded(image(name), false, 1)), 1.5)
        << name;
  }
}

TEST(FastJpeg, LeavesOtherKindsOfCodingToTheLibrary) {
  const Image fast = decoded(image("progressive_420.jpg"), true);
  EXPECT_LT(mean_distance(fast, decoded(image("progressive_420.jpg"), false)), 6.0);
}

/// Damage is what the library makes of it, whatever way is asked for.
TEST(FastJpeg, DamagedDataAreDecodedByTheLibrary) {
  std::mt19937 random(2);
  int different = 0;
  for (int i = 0; i < 300; ++i) {
    std::vector<std::uint8_t> encoded =
        image(i % 2 == 0 ? "subsampled_444.jpg" : "restart_420.jpg");
    const std::size_t from = encoded.size() / 2;
    for (int change = 0; change < 3; ++change) {
      encoded[from + random() % (encoded.size() - from - 2)] = static_cast<std::uint8_t>(random());
    }
    Image fast;
    try {
      fast = decoded(encoded, true);
    } catch (const std::exception&) {
      EXPECT_ANY_THROW(decoded(encoded, false));
      continue;
    }
    different += mean_distance(fast, decoded(encoded, false)) > 8.0 ? 1 : 0;
  }
  EXPECT_LT(different, 15);
}

TEST(FastJpeg, ReadsNothingBehindTheEndOfItsData) {
  JpegScan scan;
  scan.size = {64, 64};
  JpegScan::Component component;
  component.quantisation.fill(1);
  component.dc.counts[1] = 1;  // 0: no difference
  component.ac.counts[1] = 1;  // 0: the end of a block
  scan.components.push_back(component);
  const Box whole{0, 0, 64, 64};
  Image out;
  Box where;
  // Two bits a block, 64 blocks.
  const std::vector<std::uint8_t> data(16, 0);
  scan.data = data;
  ASSERT_TRUE(decode_jpeg_scan(scan, 8, whole, out, where));
  EXPECT_EQ(where, whole);
  for (const std::uint8_t pixel : out.values<std::uint8_t>()) ASSERT_EQ(pixel, 128);
  scan.data = std::span(data).first(15);
  EXPECT_FALSE(decode_jpeg_scan(scan, 8, whole, out, where));
  EXPECT_TRUE(decode_jpeg_scan(scan, 8, {0, 0, 56, 64}, out, where));
  scan.data = {data.data(), 0};
  EXPECT_FALSE(decode_jpeg_scan(scan, 8, {0, 0, 1, 1}, out, where));
}

TEST(FastJpeg, FollowsRestarts) {
  const Image whole = decoded(image("restart_420.jpg"), true);
  DecodeOptions options;
  options.fast_cover = Size{10'000, 10'000};
  const Box wanted{whole.height() / 2, whole.width() / 3, 20, 30};
  Image part;
  const Box where = decode_part(
      image("restart_420.jpg"), options, [&wanted](Size) { return wanted; }, part);
  for (std::int64_t y = 0; y < wanted.height; ++y) {
    for (std::int64_t i = 0; i < wanted.width * 3; ++i) {
      ASSERT_EQ(part.row<std::uint8_t>(where.top + y)[where.left * 3 + i],
                whole.row<std::uint8_t>(wanted.top + y)[wanted.left * 3 + i]);
    }
  }
}

}  // namespace
}  // namespace convmae
