#include "convmae/base/error.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace convmae {
namespace {

std::filesystem::path source_file(const std::string& name) {
  return std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests" / name;
}

std::vector<std::uint8_t> contents(const std::string& name) {
  std::vector<std::uint8_t> bytes;
  read_file(source_file(name), bytes);
  return bytes;
}

/// One file of every format and of the variants that take other paths through the decoders.
class MalformedImage : public testing::TestWithParam<const char*> {};

TEST_P(MalformedImage, IsDecodedWhenWhole) {
  Image image;
  decode_image(contents(GetParam()), {}, image);
  EXPECT_EQ(image.channels(), 3);
  EXPECT_GT(image.num_values(), 0);
}

TEST_P(MalformedImage, IsRefusedWhenTruncated) {
  const std::vector<std::uint8_t> whole = contents(GetParam());
  Image image;
  for (std::size_t length = 0; length < whole.size(); length += 50) {
    const std::vector<std::uint8_t> part(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_THROW(decode_image(part, {}, image), UserError) << length << " of " << whole.size();
  }
}

TEST_P(MalformedImage, NeverDoesMoreThanThrowWhenBitsAreFlipped) {
  const std::vector<std::uint8_t> whole = contents(GetParam());
  // Most of what matters stands near the beginning: half of the flips go there.
  const std::size_t head = std::min<std::size_t>(whole.size(), 200);
  DecodeOptions options;
  options.max_pixels = 1 << 20;
  options.apply_exif_orientation = true;
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> damaged = whole;
    for (unsigned flips = random() % 8 + 1; flips > 0; --flips) {
      const std::size_t range = random() % 2 == 0 ? head : damaged.size();
      damaged[random() % range] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    }
    options.channels = static_cast<std::int64_t>(random() % 4);
    Image image;
    try {
      decode_image(damaged, options, image);
      EXPECT_GT(image.num_values(), 0) << seed;
      EXPECT_LE(image.height() * image.width(), options.max_pixels) << seed;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n"))) << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, MalformedImage,
                         testing::Values("data/images/baseline.jpg", "data/images/progressive.jpg",
                                         "golden/images/exif6_320x240_q90.jpg",
                                         "data/images/palette.png", "golden/images/rgba_57x91.png",
                                         "data/images/lossy.webp", "data/images/lossless.webp",
                                         "data/images/deflate.tif", "data/images/jpeg.tif",
                                         "data/images/float.npy"),
                         [](const auto& parameter) {
                           std::string name =
                               std::filesystem::path(parameter.param).filename().string();
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

TEST(MalformedTiff, TilesFarLargerThanTheImageAreRefused) {
  Image image;
  try {
    decode_image(contents("fuzz/corpus/tiff/large_tile.tif"), {}, image);
    FAIL() << "146 bytes may not ask for 214 MB";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("TIFF tile"));
  }
}

TEST(DecodeImage, SniffsTheBytesAndSaysWhatItExpected) {
  Image image;
  const std::vector<std::uint8_t> text{'h', 'e', 'l', 'l', 'o'};
  try {
    decode_image(text, {}, image);
    FAIL() << "text was decoded";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("expected a JPEG, PNG, WebP, TIFF or .npy"));
  }
}

TEST(DecodeImage, AnotherChannelCountThanTheFilesIsAnError) {
  DecodeOptions options;
  options.channels = 5;
  Image image;
  EXPECT_THROW(decode_image(contents("data/images/baseline.jpg"), options, image), UserError);
  EXPECT_THROW(decode_image(contents("data/images/float.npy"), options, image), UserError);
}

TEST(DecodeImage, ImagesAboveTheLimitOfPixelsAreRefused) {
  DecodeOptions options;
  options.max_pixels = 100;
  Image image;
  for (const char* name :
       {"baseline.jpg", "palette.png", "lossy.webp", "deflate.tif", "float.npy"}) {
    EXPECT_THROW(decode_image(contents(std::string("data/images/") + name), options, image),
                 UserError)
        << name;
  }
}

}  // namespace
}  // namespace convmae
