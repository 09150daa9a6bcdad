#include "convmae/report/picture.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace convmae {
namespace {

std::uint8_t to_byte(float value) {
  // The comparison is written so that NaN takes the black branch.
  if (!(value > 0.0F)) return 0;
  return static_cast<std::uint8_t>(std::lround(std::min(value, 1.0F) * 255.0F));
}

std::uint8_t to_byte(std::uint8_t value) { return value; }

template <typename T>
Picture to_picture(std::span<const T> pixels, std::int64_t height, std::int64_t width,
                   std::int64_t channels, std::array<std::int64_t, 3> rgb_channels) {
  if (height < 1 || width < 1 || channels < 1 ||
      static_cast<std::int64_t>(pixels.size()) != height * width * channels) {
    throw std::invalid_argument("the pixel buffer does not hold height * width * channels values");
  }
  if (channels < 3) rgb_channels = {0, 0, 0};
  for (const std::int64_t channel : rgb_channels) {
    if (channel < 0 || channel >= channels) throw std::invalid_argument("no such channel");
  }
  Picture picture(height, width, Colour{});
  auto out = picture.rgb.begin();
  for (auto pixel = pixels.begin(); pixel != pixels.end(); pixel += channels) {
    for (const std::int64_t channel : rgb_channels) *out++ = to_byte(pixel[channel]);
  }
  return picture;
}

}  // namespace

Picture::Picture(std::int64_t picture_height, std::int64_t picture_width, Colour fill)
    : height(picture_height),
      width(picture_width),
      rgb(static_cast<std::size_t>(picture_height * picture_width * 3)) {
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    rgb[i] = fill.red;
    rgb[i + 1] = fill.green;
    rgb[i + 2] = fill.blue;
  }
}

Colour Picture::at(std::int64_t row, std::int64_t column) const {
  const auto* pixel = &rgb[static_cast<std::size_t>((row * width + column) * 3)];
  return {pixel[0], pixel[1], pixel[2]};
}

void Picture::set(std::int64_t row, std::int64_t column, Colour colour) {
  auto* pixel = &rgb[static_cast<std::size_t>((row * width + column) * 3)];
  pixel[0] = colour.red;
  pixel[1] = colour.green;
  pixel[2] = colour.blue;
}

Picture picture_from_float(std::span<const float> pixels, std::int64_t height, std::int64_t width,
                           std::int64_t channels, std::array<std::int64_t, 3> rgb_channels) {
  return to_picture(pixels, height, width, channels, rgb_channels);
}

Picture picture_from_bytes(std::span<const std::uint8_t> pixels, std::int64_t height,
                           std::int64_t width, std::int64_t channels,
                           std::array<std::int64_t, 3> rgb_channels) {
  return to_picture(pixels, height, width, channels, rgb_channels);
}

void copy_into(Picture& sheet, const Picture& tile, std::int64_t top, std::int64_t left) {
  for (std::int64_t row = 0; row < tile.height; ++row) {
    const auto from = tile.rgb.begin() + row * tile.width * 3;
    std::copy(from, from + tile.width * 3,
              sheet.rgb.begin() + ((top + row) * sheet.width + left) * 3);
  }
}

Picture enlarge(const Picture& picture, std::int64_t factor) {
  if (factor == 1) return picture;
  Picture large(picture.height * factor, picture.width * factor, Colour{});
  for (std::int64_t row = 0; row < large.height; ++row) {
    for (std::int64_t column = 0; column < large.width; ++column) {
      large.set(row, column, picture.at(row / factor, column / factor));
    }
  }
  return large;
}

}  // namespace convmae
