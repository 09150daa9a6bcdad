#pragma once

#include <cstdint>
#include <string>

namespace convmae::test {

/// A little-endian number of `bytes` bytes.
inline std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value & 0xFF);
  return text;
}

/// A big-endian number of `bytes` bytes.
inline std::string big(std::uint64_t value, int bytes) {
  const std::string reversed = little(value, bytes);
  return {reversed.rbegin(), reversed.rend()};
}

/// Changes the byte in the bits that are set in `bits`.
inline void flip_bits(char& byte, std::uint64_t bits) {
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ bits);
}

}  // namespace convmae::test
