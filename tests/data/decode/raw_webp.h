#pragma once

#include "support/bytes.h"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae::test {

/// A chunk of a RIFF file; the length contradicts the truth where it is set.
struct RiffChunk {
  std::string type;
  std::string data;
  std::optional<std::uint32_t> length = std::nullopt;

  std::string bytes() const {
    const std::string padding(data.size() % 2, '\0');
    return type + little(length.value_or(static_cast<std::uint32_t>(data.size())), 4) + data +
           padding;
  }
};

/// A WebP file in parts, to be spoiled.
struct RawWebp {
  std::string tag = "RIFF";
  std::string form = "WEBP";
  std::optional<std::uint32_t> size = std::nullopt;  ///< contradicts the truth
  std::vector<RiffChunk> chunks;

  std::string file() const {
    std::string body = form;
    for (const RiffChunk& chunk : chunks) body += chunk.bytes();
    return tag + little(size.value_or(static_cast<std::uint32_t>(body.size())), 4) + body;
  }
};

/// Bits of a lossless stream, the lowest one of each byte first.
class BitWriter {
 public:
  void put(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i, ++used_) {
      if (used_ % 8 == 0) bytes_ += '\0';
      if ((value >> i & 1) != 0) {
        bytes_.back() =
            static_cast<char>(static_cast<unsigned char>(bytes_.back()) | 1U << (used_ % 8));
      }
    }
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t used_ = 0;
};

}  // namespace convmae::test
