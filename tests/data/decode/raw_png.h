#pragma once

#include "deflate.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae::test {

/// What is set beside type and data contradicts the truth.
struct Chunk {
  std::string type;
  std::string data;
  std::optional<std::uint32_t> length = std::nullopt;
  std::uint32_t crc_error = 0;
};

/// A PNG in parts, to be spoiled: at first an image of 8-bit palette indices.
struct RawPng {
  std::string signature = "\x89PNG\r\n\x1A\n";
  std::vector<Chunk> chunks;
  std::size_t width = 0;
  std::size_t height = 0;
  std::string scanlines;  ///< not compressed yet

  Chunk& header() { return chunks[0]; }
  Chunk& palette() { return chunks[1]; }
  Chunk& pixels() { return chunks[2]; }
  Chunk& end() { return chunks[3]; }
  void set_header(std::size_t at, std::uint64_t value, int bytes = 1) {
    header().data.replace(at, static_cast<std::size_t>(bytes), big(value, bytes));
  }
  void insert(std::size_t at, const Chunk& chunk) {
    chunks.insert(chunks.begin() + static_cast<std::ptrdiff_t>(at), chunk);
  }
  void erase(std::size_t at) { chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(at)); }
  std::string file() const {
    std::string file = signature;
    for (const Chunk& chunk : chunks) {
      file += big(chunk.length.value_or(static_cast<std::uint32_t>(chunk.data.size())), 4);
      file += chunk.type + chunk.data;
      file += big(crc_of(chunk.type + chunk.data) ^ chunk.crc_error, 4);
    }
    return file;
  }
};

inline RawPng sound_png(Draws& draws) {
  RawPng png;
  png.width = 2 + draws.below(40);
  png.height = 2 + draws.below(40);
  for (std::size_t y = 0; y < png.height; ++y) {
    png.scanlines += '\0';  // no filter
    for (std::size_t x = 0; x < png.width; ++x) png.scanlines += static_cast<char>(draws.bits());
  }
  const std::string header = big(png.width, 4) + big(png.height, 4) + "\x08\x03" + big(0, 3);
  png.chunks = {{"IHDR", header},
                {"PLTE", std::string(768, 'p')},
                {"IDAT", zlib_stream(png.scanlines)},
                {"IEND", ""}};
  return png;
}

}  // namespace convmae::test
