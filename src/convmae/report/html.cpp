#include "convmae/report/html.h"

namespace convmae {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

/// Number of bytes of the valid UTF-8 sequence of a character outside ASCII that `text` begins
/// with, 0 if it does not begin with one (RFC 3629: no overlong forms, surrogates, or beyond
/// U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  unsigned low = 0x80;
  unsigned high = 0xBF;
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  }
  if (length == 0 || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  // U+FFFE and U+FFFF are not characters of XML.
  if (lead == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE) return 0;
  return length;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  for (std::size_t i = 0; i < text.size();) {
    const char letter = text[i];
    std::size_t length = 1;
    switch (letter) {
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
      case '\n':
      case '\t':
        result += letter;
        break;
      default:
        if (letter >= ' ' && letter < '\x7F') {
          result += letter;
        } else if (const std::size_t valid = utf8_length(text.substr(i)); valid > 0) {
          length = valid;
          result += text.substr(i, valid);
        } else {
          result += kReplacement;
        }
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
