#include "convmae/base/quote.h"

#include <cstddef>

namespace convmae {

std::string quote(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result = "'";
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      result += c;
    } else {
      result += "\\x";
      result += kDigits[byte >> 4];
      result += kDigits[byte & 15];
    }
  }
  if (text.size() > kLongest) result += "...";
  return result + "'";
}

}  // namespace convmae
