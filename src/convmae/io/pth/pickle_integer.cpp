#include "convmae/io/pth/pickle_integer.h"

#include "convmae/base/error.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace convmae {
namespace {

constexpr std::size_t kLongest = 255;  // what LONG1 can hold

/// The decimal digits of a number given by its base-2^32 digits, most significant first.
std::string decimal(std::vector<std::uint32_t> digits) {
  constexpr std::uint64_t kPiece = 1'000'000'000;
  std::vector<std::uint64_t> pieces;
  while (!digits.empty()) {
    std::uint64_t remainder = 0;
    for (std::uint32_t& digit : digits) {
      const std::uint64_t value = (remainder << 32) | digit;
      digit = static_cast<std::uint32_t>(value / kPiece);
      remainder = value % kPiece;
    }
    pieces.push_back(remainder);
    digits.erase(digits.begin(),
                 std::ranges::find_if(digits, [](std::uint32_t digit) { return digit != 0; }));
  }
  std::string text = std::to_string(pieces.back());
  for (std::size_t i = pieces.size() - 1; i-- > 0;) {
    const std::string piece = std::to_string(pieces[i]);
    text.append(9 - piece.size(), '0').append(piece);
  }
  return text;
}

}  // namespace

Value decode_pickle_integer(std::span<const std::byte> bytes, PickleObjects& objects) {
  if (bytes.size() > kLongest) throw UserError("its pickle has an integer of over 255 bytes");
  const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
  if (bytes.size() <= sizeof(std::int64_t)) {
    std::uint64_t bits = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      bits = (bits << 8) | std::to_integer<std::uint64_t>(bytes[i]);
    }
    return static_cast<std::int64_t>(bits);
  }
  // The magnitude: for a negative number invert and add one.
  std::vector<std::uint32_t> magnitude((bytes.size() + 3) / 4, 0);
  std::uint32_t carry = negative ? 1 : 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto digit = std::to_integer<std::uint32_t>(negative ? ~bytes[i] : bytes[i]) + carry;
    magnitude[magnitude.size() - 1 - i / 4] |= (digit & 0xFF) << (8 * (i % 4));
    carry = digit >> 8;
  }
  std::string text = decimal(std::move(magnitude));
  if (negative) text.insert(text.begin(), '-');
  objects.budget().charge(64 + text.size());
  return BigInteger{objects.arena().keep(std::move(text))};
}

}  // namespace convmae
