#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Colour&) const = default;
};

/// An 8-bit RGB picture, rows from top to bottom, three bytes a pixel.
struct Picture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> rgb;

  Picture() = default;
  Picture(std::int64_t picture_height, std::int64_t picture_width, Colour fill);

  Colour at(std::int64_t row, std::int64_t column) const;
  void set(std::int64_t row, std::int64_t column, Colour colour);
};

/// A picture of `pixels`, [height, width, channels] in the range 0 to 1; what lies outside is
/// clamped and what is not finite becomes black. One or two channels give grey (of the first),
/// three or more the channels named in `rgb_channels`. Throws std::invalid_argument if the sizes do
/// not fit.
Picture picture_from_float(std::span<const float> pixels, std::int64_t height, std::int64_t width,
                           std::int64_t channels,
                           std::array<std::int64_t, 3> rgb_channels = {0, 1, 2});

/// The same for bytes, 0 to 255.
Picture picture_from_bytes(std::span<const std::uint8_t> pixels, std::int64_t height,
                           std::int64_t width, std::int64_t channels,
                           std::array<std::int64_t, 3> rgb_channels = {0, 1, 2});

/// Puts a tile on a sheet that has room for it.
void copy_into(Picture& sheet, const Picture& tile, std::int64_t top, std::int64_t left);

/// Every pixel repeated `factor` times in both directions.
Picture enlarge(const Picture& picture, std::int64_t factor);

}  // namespace convmae
