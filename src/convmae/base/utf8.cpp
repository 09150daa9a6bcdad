#include "convmae/base/utf8.h"

namespace convmae {
namespace {

/// The length of the sequence that begins with `lead`, 0 if none does.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

/// Whether the second byte keeps clear of overlong forms and of numbers over 0x10FFFF.
bool second_byte_fits(unsigned char lead, unsigned char second) {
  if (lead == 0xE0) return second >= 0xA0;
  if (lead == 0xF0) return second >= 0x90;
  if (lead == 0xF4) return second < 0x90;
  return true;
}

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// Whether `text` is made of characters that `allowed` is true for.
template <typename Allowed>
bool has_only(std::string_view text, Allowed allowed) {
  while (!text.empty()) {
    const Utf8Character character = first_character(text);
    if (character.size == 0 || !allowed(character.code)) return false;
    text.remove_prefix(character.size);
  }
  return true;
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = sequence_length(lead);
  if (length == 0 || length > text.size()) return {};
  char32_t code = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t k = 1; k < length; ++k) {
    const auto byte = static_cast<unsigned char>(text[k]);
    if (!is_continuation(text[k]) || (k == 1 && !second_byte_fits(lead, byte))) return {};
    code = code << 6 | (byte & 0x3FU);
  }
  return {code, length};
}

bool is_surrogate(char32_t code) { return code >= 0xD800 && code <= 0xDFFF; }

void append_utf8(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool is_utf8(std::string_view text) {
  return has_only(text, [](char32_t code) { return !is_surrogate(code); });
}

bool is_pickled_text(std::string_view text) {
  return has_only(text, [](char32_t) { return true; });
}

std::string_view utf8_prefix(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  for (std::size_t back = 1; back <= 3 && back <= size; ++back) {
    const std::size_t begin = size - back;
    if (is_continuation(text[begin])) continue;
    return text.substr(0, first_character(text.substr(begin)).size > back ? begin : size);
  }
  return text.substr(0, size);
}

}  // namespace convmae
