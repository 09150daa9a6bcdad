#pragma once

#include "support/bytes.h"
#include "support/malformed.h"
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace convmae::test {

enum TiffTag : unsigned {
  kWidth = 256,
  kHeight = 257,
  kBits = 258,
  kCompression = 259,
  kPhotometric = 262,
  kStripOffsets = 273,
  kOrientation = 274,
  kSamples = 277,
  kRowsPerStrip = 278,
  kStripSizes = 279,
  kPlanar = 284,
  kPredictor = 317,
  kColourMap = 320,
  kTileWidth = 322,
  kTileHeight = 323,
  kTileOffsets = 324,
  kTileSizes = 325,
  kSampleFormat = 339,
  kSubsampling = 530,
};

constexpr unsigned kAscii = 2;
constexpr unsigned kShort = 3;
constexpr unsigned kLong = 4;

/// Count and offset contradict the truth where they are set.
struct TiffEntry {
  unsigned type = kShort;
  std::vector<std::uint64_t> values;
  std::optional<std::uint64_t> count = std::nullopt;
  std::optional<std::uint64_t> offset = std::nullopt;
};

/// A TIFF file in parts, to be spoiled: a header, the pixels at byte 8, long values, the directory.
struct RawTiff {
  static constexpr std::uint64_t kPixelsAt = 8;

  bool big_endian = false;
  std::uint64_t version = 42;
  std::string pixels;
  std::map<unsigned, TiffEntry> entries;
  std::optional<std::uint64_t> directory = std::nullopt;    ///< contradicts the truth
  std::optional<std::uint64_t> entry_count = std::nullopt;  ///< contradicts the truth
  std::uint64_t next_directory = 0;

  std::string number(std::uint64_t value, int bytes) const {
    return big_endian ? big(value, bytes) : little(value, bytes);
  }
  void set(TiffTag tag, std::uint64_t value, unsigned type = kShort) {
    entries[tag] = {type, {value}};
  }
  /// The pixels as one strip, compressed in that way.
  void compress(std::uint64_t method, const std::string& compressed) {
    pixels = compressed;
    set(kCompression, method);
    entries[kRowsPerStrip] = entries[kHeight];
    set(kStripOffsets, kPixelsAt, kLong);
    set(kStripSizes, compressed.size(), kLong);
  }
  std::string file() const {
    std::string body = pixels;
    std::string listed;
    for (const auto& [tag, entry] : entries) {
      std::string values;
      for (const std::uint64_t value : entry.values) {
        values += number(value, entry.type == kLong ? 4 : entry.type == kShort ? 2 : 1);
      }
      listed += number(tag, 2) + number(entry.type, 2);
      listed += number(entry.count.value_or(entry.values.size()), 4);
      if (entry.offset || values.size() > 4) {
        listed += number(entry.offset.value_or(kPixelsAt + body.size()), 4);
        body += values;
      } else {
        listed += values + std::string(4 - values.size(), '\0');
      }
    }
    return (big_endian ? "MM" : "II") + number(version, 2) +
           number(directory.value_or(kPixelsAt + body.size()), 4) + body +
           number(entry_count.value_or(entries.size()), 2) + listed + number(next_directory, 4);
  }
};

/// 8-bit colour, not compressed, in strips of two rows.
inline RawTiff sound_tiff(Draws& draws) {
  RawTiff tiff;
  tiff.big_endian = draws.below(2) == 0;
  const std::uint64_t width = 2 + draws.below(15);
  const std::uint64_t height = 4 + 2 * draws.below(7);
  const std::uint64_t strip = 2 * width * 3;
  tiff.pixels = std::string(width * height * 3, 'v');
  tiff.set(kWidth, width);
  tiff.set(kHeight, height);
  tiff.entries[kBits] = {kShort, {8, 8, 8}};
  tiff.set(kCompression, 1);
  tiff.set(kPhotometric, 2);
  tiff.set(kSamples, 3);
  tiff.set(kRowsPerStrip, 2);
  tiff.entries[kStripOffsets] = {kLong, {}};
  tiff.entries[kStripSizes] = {kLong, std::vector<std::uint64_t>(height / 2, strip)};
  for (std::uint64_t i = 0; i < height / 2; ++i) {
    tiff.entries[kStripOffsets].values.push_back(RawTiff::kPixelsAt + i * strip);
  }
  return tiff;
}

/// The same in one tile of 16x16 pixels.
inline RawTiff sound_tiled_tiff(Draws& draws) {
  RawTiff tiff = sound_tiff(draws);
  tiff.pixels = std::string(std::size_t{16} * 16 * 3, 'v');
  for (const TiffTag tag : {kRowsPerStrip, kStripOffsets, kStripSizes}) tiff.entries.erase(tag);
  tiff.set(kTileWidth, 16);
  tiff.set(kTileHeight, 16);
  tiff.set(kTileOffsets, RawTiff::kPixelsAt, kLong);
  tiff.set(kTileSizes, tiff.pixels.size(), kLong);
  return tiff;
}

}  // namespace convmae::test
