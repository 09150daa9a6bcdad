#pragma once

#include "support/bytes.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae::test {

constexpr int kHuffmanTables = 0xC4;
constexpr int kEndOfImage = 0xD9;
constexpr int kStartOfScan = 0xDA;
constexpr int kQuantizationTables = 0xDB;
constexpr int kRestartInterval = 0xDD;
constexpr int kApplication1 = 0xE1;

/// A marker, the segment that follows it and the entropy-coded data that follow that.
struct Segment {
  int marker;
  std::string data;
  std::string coded{};
  std::optional<std::size_t> length = std::nullopt;  ///< contradicts the truth

  std::string bytes() const {
    std::string start = big(0xFF00U | static_cast<unsigned>(marker), 2);
    if (marker == kEndOfImage) return start;
    return start + big(length.value_or(data.size() + 2), 2) + data + coded;
  }
};

/// A JPEG file in parts, to be spoiled.
struct RawJpeg {
  std::vector<Segment> segments;

  /// Takes a sound file apart.
  explicit RawJpeg(const std::string& file) {
    const auto byte = [&file](std::size_t at) { return static_cast<unsigned char>(file.at(at)); };
    for (std::size_t at = 2; byte(at + 1) != kEndOfImage;) {
      const std::size_t length = std::size_t{byte(at + 2)} << 8 | byte(at + 3);
      std::size_t end = at + 2 + length;
      Segment segment{byte(at + 1), file.substr(at + 4, length - 2)};
      const auto coded = [&](int next) { return next == 0 || (next >= 0xD0 && next < 0xD8); };
      if (segment.marker == kStartOfScan) {
        const std::size_t begin = end;
        while (byte(end) != 0xFF || coded(byte(end + 1))) ++end;
        segment.coded = file.substr(begin, end - begin);
      }
      segments.push_back(segment);
      at = end;
    }
    segments.push_back({kEndOfImage, ""});
  }

  auto find(int marker) {
    return std::find_if(segments.begin(), segments.end(),
                        [marker](const Segment& segment) { return segment.marker == marker; });
  }
  Segment& first(int marker) { return *find(marker); }
  Segment& last(int marker) {
    return *std::find_if(segments.rbegin(), segments.rend(),
                         [marker](const Segment& segment) { return segment.marker == marker; });
  }
  Segment& frame() {
    const auto is_frame = [](const Segment& segment) {
      return segment.marker == 0xC0 || segment.marker == 0xC2;
    };
    return *std::find_if(segments.begin(), segments.end(), is_frame);
  }
  void erase_all(int marker) {
    std::erase_if(segments, [marker](const Segment& segment) { return segment.marker == marker; });
  }
  void insert_before(int marker, const Segment& segment) { segments.insert(find(marker), segment); }

  std::string file() const {
    std::string file = "\xFF\xD8";
    for (const Segment& segment : segments) file += segment.bytes();
    return file;
  }
};

}  // namespace convmae::test
