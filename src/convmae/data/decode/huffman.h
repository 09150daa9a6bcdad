#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace convmae {

/// A canonical code as a JPEG's header gives it.
struct HuffmanCode {
  std::array<std::uint8_t, 17> counts{};    ///< codes of each length; [0] means nothing
  std::array<std::uint8_t, 256> symbols{};  ///< in the order of their codes
};

/// A symbol of a JPEG's block, which says in its upper half how many coefficients are zero and in
/// its lower how many bits of a number follow.
struct HuffmanSymbol {
  std::uint8_t symbol = 0;
  int length = 0;  ///< in bits; 0 if there is none
};

/// Finds symbols, and where they are short enough their numbers with them.
class HuffmanTable {
 public:
  static constexpr int kLongest = 16;  ///< bits of a symbol
  static constexpr int kBits = 10;     ///< that a lookup takes

  /// False if this is no code: too many symbols of some length.
  bool build(const HuffmanCode& code);

  /// [2^kBits] by the next bits: the number in the upper half, then the symbol, then the bits of
  /// both. A number of 0 means that it must be read for itself, a length of 0 that the symbol must
  /// be found by more bits.
  const std::uint32_t* entries() const { return entries_.data(); }
  /// By the next kLongest bits.
  HuffmanSymbol find(std::uint32_t bits) const;

 private:
  std::array<std::uint32_t, 1U << kBits> entries_{};
  HuffmanCode code_;
};

}  // namespace convmae
