#include "convmae/report/html.h"

#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"

#include <algorithm>

namespace convmae {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

/// Whether a character does nothing to the text around it, which those that XML forbids do.
bool is_allowed(const Utf8Character& character) {
  const bool blank = character.code == U'\n' || character.code == U'\t';
  return character.size > 0 && (blank || is_printable(character.code));
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character character = first_character(text.substr(i));
    const std::size_t length = std::max<std::size_t>(character.size, 1);
    switch (text[i]) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += is_allowed(character) ? text.substr(i, length) : kReplacement;
    }
    i += length;
  }
  return result;
}

std::string concat(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::string result;
  result.reserve(size);
  for (const std::string_view piece : pieces) result += piece;
  return result;
}

std::string html_element(std::string_view tag, std::string_view text, std::string_view css_class) {
  const std::string escaped = escape_html(text);
  if (css_class.empty()) return concat({"<", tag, ">", escaped, "</", tag, ">"});
  return concat({"<", tag, " class=\"", css_class, "\">", escaped, "</", tag, ">"});
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      result += j <= count ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return result;
}

}  // namespace convmae
