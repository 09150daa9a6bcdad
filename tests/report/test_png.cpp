#include "convmae/base/error.h"
#include "convmae/report/picture.h"
#include "convmae/report/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct Decoded {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t format = 0;
  std::vector<std::uint8_t> pixels;
};

Decoded decode(const std::vector<std::uint8_t>& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  Decoded decoded;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) return decoded;
  decoded.height = image.height;
  decoded.width = image.width;
  decoded.format = image.format;
  decoded.pixels.resize(PNG_IMAGE_SIZE(image));
  if (png_image_finish_read(&image, nullptr, decoded.pixels.data(), 0, nullptr) == 0) return {};
  return decoded;
}

/// No two neighbouring pixels alike, so that a swapped row, column or channel shows.
std::vector<std::uint8_t> pattern(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + i / 11);
  return bytes;
}

TEST(Png, ColourPictureDecodesToTheSamePixels) {
  Picture picture(7, 13, Colour{});
  picture.rgb = pattern(picture.rgb.size());
  const Decoded decoded = decode(encode_png(picture));
  EXPECT_EQ(decoded.height, 7U);
  EXPECT_EQ(decoded.width, 13U);
  EXPECT_EQ(decoded.format, std::uint32_t{PNG_FORMAT_RGB});
  EXPECT_EQ(decoded.pixels, picture.rgb);
}

/// The indices and the palette of a file, as they stand there.
struct Indexed {
  int colour_type = -1;
  int depth = 0;
  std::vector<Colour> palette;
  std::vector<std::uint8_t> rows;  ///< packed as in the file
};

Indexed read_as_it_stands(const std::vector<std::uint8_t>& bytes) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  struct Rest {
    const std::vector<std::uint8_t>& bytes;
    std::size_t at = 0;
  } rest{bytes};
  png_set_read_fn(png, &rest, [](png_structp reader, png_bytep to, std::size_t count) {
    auto* const from = static_cast<Rest*>(png_get_io_ptr(reader));
    std::copy_n(from->bytes.begin() + static_cast<std::ptrdiff_t>(from->at), count, to);
    from->at += count;
  });
  png_read_info(png, info);
  Indexed result{png_get_color_type(png, info), png_get_bit_depth(png, info), {}, {}};
  png_colorp colours = nullptr;
  int count = 0;
  if (png_get_PLTE(png, info, &colours, &count) != 0) {
    for (int i = 0; i < count; ++i) {
      result.palette.push_back({colours[i].red, colours[i].green, colours[i].blue});
    }
  }
  const std::size_t width = png_get_rowbytes(png, info);
  for (png_uint_32 row = 0; row < png_get_image_height(png, info); ++row) {
    result.rows.resize(result.rows.size() + width);
    png_read_row(png, result.rows.data() + row * width, nullptr);
  }
  png_destroy_read_struct(&png, &info, nullptr);
  return result;
}

TEST(Png, IndicesKeepTheirNumbersAndColours) {
  std::vector<Colour> palette(30);
  for (std::size_t i = 0; i < palette.size(); ++i) {
    palette[i] = {static_cast<std::uint8_t>(7 * i), static_cast<std::uint8_t>(255 - i), 3};
  }
  const std::vector<std::uint8_t> indices{0, 29, 1, 17, 17, 2};
  const Indexed found = read_as_it_stands(encode_palette_png(indices, 2, 3, palette));
  EXPECT_EQ(found.colour_type, PNG_COLOR_TYPE_PALETTE);
  EXPECT_EQ(found.depth, 8);
  EXPECT_EQ(found.palette, palette);
  EXPECT_EQ(found.rows, indices);
  EXPECT_THROW(encode_palette_png(std::vector<std::uint8_t>{30}, 1, 1, palette),
               std::invalid_argument);
}

TEST(Png, GreyOf16BitsKeepsItsNumbers) {
  const std::vector<std::uint16_t> pixels{0, 65535, 256, 300};
  const Indexed found = read_as_it_stands(encode_grey_png(pixels, 2, 2));
  EXPECT_EQ(found.colour_type, PNG_COLOR_TYPE_GRAY);
  EXPECT_EQ(found.depth, 16);
  EXPECT_EQ(found.rows, (std::vector<std::uint8_t>{0, 0, 255, 255, 1, 0, 1, 44}));
}

TEST(Png, GreyPictureDecodesToTheSamePixels) {
  const auto pixels = pattern(45);
  const Decoded decoded = decode(encode_grey_png(pixels, 5, 9));
  EXPECT_EQ(decoded.height, 5U);
  EXPECT_EQ(decoded.width, 9U);
  EXPECT_EQ(decoded.format, std::uint32_t{PNG_FORMAT_GRAY});
  EXPECT_EQ(decoded.pixels, pixels);
}

TEST(Png, BufferOfAnotherSizeIsRefused) {
  EXPECT_THROW(encode_grey_png(pattern(44), 5, 9), std::invalid_argument);
  EXPECT_THROW(encode_png(Picture{}), std::invalid_argument);
}

TEST(Png, FileHoldsTheEncodedBytes) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "picture.png";
  Picture picture(4, 6, Colour{1, 2, 3});
  write_png(path, picture);
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(bytes, encode_png(picture));
  std::filesystem::remove(path);
}

TEST(Png, UnwritablePathIsAUserError) {
  EXPECT_THROW(write_png("/nonexistent/directory/picture.png", Picture(1, 1, Colour{})), UserError);
}

TEST(Picture, FloatsAreClampedAndRounded) {
  const std::vector<float> pixels = {0.0F, 0.5F, 1.0F, -3.0F, 7.0F, NAN};
  const Picture picture = picture_from_float(pixels, 1, 2, 3);
  EXPECT_EQ(picture.at(0, 0), (Colour{0, 128, 255}));
  EXPECT_EQ(picture.at(0, 1), (Colour{0, 255, 0}));
}

TEST(Picture, OneAndTwoChannelsAreGrey) {
  const std::vector<std::uint8_t> pixels = {10, 20, 30, 40};
  EXPECT_EQ(picture_from_bytes(pixels, 2, 2, 1).at(1, 0), (Colour{30, 30, 30}));
  EXPECT_EQ(picture_from_bytes(pixels, 2, 1, 2).at(1, 0), (Colour{30, 30, 30}));
}

TEST(Picture, OfManyChannelsTheNamedOnesAreShown) {
  const std::vector<std::uint8_t> pixels = {1, 2, 3, 4, 5};
  EXPECT_EQ(picture_from_bytes(pixels, 1, 1, 5).at(0, 0), (Colour{1, 2, 3}));
  EXPECT_EQ(picture_from_bytes(pixels, 1, 1, 5, {4, 2, 0}).at(0, 0), (Colour{5, 3, 1}));
  EXPECT_THROW(picture_from_bytes(pixels, 1, 1, 5, {5, 0, 0}), std::invalid_argument);
  EXPECT_THROW(picture_from_bytes(pixels, 1, 2, 5), std::invalid_argument);
}

TEST(Picture, EnlargingRepeatsPixels) {
  Picture picture(1, 2, Colour{1, 1, 1});
  picture.set(0, 1, {9, 9, 9});
  const Picture large = enlarge(picture, 3);
  ASSERT_EQ(large.height, 3);
  ASSERT_EQ(large.width, 6);
  EXPECT_EQ(large.at(2, 2), (Colour{1, 1, 1}));
  EXPECT_EQ(large.at(0, 3), (Colour{9, 9, 9}));
}

}  // namespace
}  // namespace convmae
