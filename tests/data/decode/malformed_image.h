#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/file_source.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae::test {

constexpr std::int64_t kMostPixels = 1 << 20;

inline void decode_with(DecodeOptions options, const std::string& file) {
  options.max_pixels = kMostPixels;
  options.apply_exif_orientation = true;
  const std::vector<std::uint8_t> bytes(file.begin(), file.end());
  Image image;
  decode_image(bytes, options, image);
}

/// What training does with an image of a data set.
inline void decode(const std::string& file) { decode_with({}, file); }

/// A file of tests/data/images.
inline std::string sound_image(const std::string& name) {
  std::vector<std::uint8_t> bytes;
  read_file(std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/data/images" / name, bytes);
  return {bytes.begin(), bytes.end()};
}

}  // namespace convmae::test
