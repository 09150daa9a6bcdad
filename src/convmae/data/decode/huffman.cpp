#include "convmae/data/decode/huffman.h"

#include <algorithm>

namespace convmae {
namespace {

std::uint32_t entry(int number, std::uint8_t symbol, int length) {
  return static_cast<std::uint32_t>(number) << 16 | std::uint32_t{symbol} << 8 |
         static_cast<std::uint32_t>(length);
}

}  // namespace

bool HuffmanTable::build(const HuffmanCode& code) {
  code_ = code;
  entries_.fill(0);
  std::uint32_t next = 0;
  std::size_t index = 0;
  for (int length = 1; length <= kLongest; ++length, next <<= 1) {
    for (int i = 0; i < code.counts[static_cast<std::size_t>(length)]; ++i, ++next, ++index) {
      if (next >= 1U << length || index >= code.symbols.size()) return false;
      if (length > kBits) continue;
      const std::uint8_t symbol = code.symbols[index];
      const int size = symbol & 15;
      const int free = kBits - length;
      auto* to = entries_.data() + (std::size_t{next} << free);
      if (size == 0 || size > free) {
        std::fill_n(to, std::size_t{1} << free, entry(0, symbol, length));
        continue;
      }
      // The lower half of the values that the bits can have stands for negative numbers.
      for (int bits = 0; bits < 1 << size; ++bits) {
        const int number = bits < 1 << (size - 1) ? bits + 1 - (1 << size) : bits;
        to = std::fill_n(to, std::size_t{1} << (free - size), entry(number, symbol, length + size));
      }
    }
  }
  return true;
}

HuffmanSymbol HuffmanTable::find(std::uint32_t bits) const {
  std::uint32_t first = 0;
  std::size_t index = 0;
  for (int length = 1; length <= kLongest; ++length, first <<= 1) {
    const std::uint32_t count = code_.counts[static_cast<std::size_t>(length)];
    const std::uint32_t offset = (bits >> (kLongest - length)) - first;
    if (offset < count) return {code_.symbols[index + offset], length};
    first += count;
    index += count;
  }
  return {};
}

}  // namespace convmae
