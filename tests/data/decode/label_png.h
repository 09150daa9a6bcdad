#pragma once

#include "convmae/base/geometry.h"

#include "raw_png.h"
#include <cstdint>
#include <string>
#include <vector>

namespace convmae::test {

/// What a pixel of a PNG is, by its number in the file.
enum class PngColour { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

/// A PNG made value by value.
struct LabelPng {
  Size size;
  int bits = 8;
  PngColour colour = PngColour::palette;
  std::vector<std::uint32_t> values;  ///< of all channels, pixel by pixel
  bool interlaced = false;

  int channels() const {
    switch (colour) {
      case PngColour::rgb:
        return 3;
      case PngColour::grey_alpha:
        return 2;
      case PngColour::rgba:
        return 4;
      default:
        return 1;
    }
  }

  std::string file() const {
    std::string lines;
    if (interlaced) {
      for (const auto& [top, left, down, across] : kPasses)
        add_pass(top, left, down, across, lines);
    } else {
      add_pass(0, 0, 1, 1, lines);
    }
    RawPng png;
    const std::string header = big(static_cast<std::uint64_t>(size.width), 4) +
                               big(static_cast<std::uint64_t>(size.height), 4) +
                               static_cast<char>(bits) + static_cast<char>(colour) + big(0, 2) +
                               static_cast<char>(interlaced);
    png.chunks = {{"IHDR", header}};
    if (colour == PngColour::palette) {
      // Colours that say nothing of their indices.
      png.chunks.push_back({"PLTE", std::string(std::size_t{3} << bits, 'p')});
    }
    png.chunks.push_back({"IDAT", zlib_stream(lines)});
    png.chunks.push_back({"IEND", ""});
    return png.file();
  }

 private:
  struct Pass {
    std::int64_t top, left, down, across;
  };
  static constexpr Pass kPasses[] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4},
                                     {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};

  void add_pass(std::int64_t top, std::int64_t left, std::int64_t down, std::int64_t across,
                std::string& lines) const {
    if (left >= size.width) return;
    for (std::int64_t y = top; y < size.height; y += down) {
      lines += '\0';  // no filter
      std::uint32_t byte = 0;
      int filled = 0;
      for (std::int64_t x = left; x < size.width; x += across) {
        for (int c = 0; c < channels(); ++c) {
          const auto place = static_cast<std::size_t>((y * size.width + x) * channels() + c);
          if (bits == 16) {
            lines += big(values[place], 2);
            continue;
          }
          byte = byte << bits | values[place];
          filled += bits;
          if (filled == 8) {
            lines += static_cast<char>(byte);
            byte = 0;
            filled = 0;
          }
        }
      }
      if (filled > 0) lines += static_cast<char>(byte << (8 - filled));
    }
  }
};

/// One of palette indices.
inline std::string label_png(Size size, const std::vector<std::uint32_t>& ids) {
  return LabelPng{.size = size, .values = ids}.file();
}

}  // namespace convmae::test
