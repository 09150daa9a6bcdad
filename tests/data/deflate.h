#pragma once

#include "support/bytes.h"
#include <cstdint>
#include <string>
#include <zlib.h>

namespace convmae::test {

inline std::uint32_t crc_of(const std::string& text) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

inline std::uint32_t adler_of(const std::string& text) {
  return static_cast<std::uint32_t>(
      adler32(1, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

/// A deflate stream of one stored block: less than 64 KiB.
inline std::string deflated(const std::string& text) {
  return "\x01" + little(text.size(), 2) + little(~text.size(), 2) + text;
}

/// The same as a zlib stream.
inline std::string zlib_stream(const std::string& text) {
  return "\x78\x01" + deflated(text) + big(adler_of(text), 4);
}

}  // namespace convmae::test
