#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace convmae {

/// A character of UTF-8 text: its number, and how many bytes it has.
struct Utf8Character {
  char32_t code = 0;
  std::size_t size = 0;
};

/// The character that `text` begins with (well-formed by table 3-7 of Unicode 15), of size 0 if it
/// begins with none. Lone surrogates count as characters here: Python pickles them, and uses them
/// for file names that are not text.
Utf8Character first_character(std::string_view text);

bool is_surrogate(char32_t code);

/// Adds a character, which may be a surrogate.
void append_utf8(std::string& text, char32_t code);

/// Whether `text` is UTF-8 as every reader takes it, without surrogates.
bool is_utf8(std::string_view text);

/// Whether `text` is UTF-8 as Python pickles it, lone surrogates let through.
bool is_pickled_text(std::string_view text);

/// The beginning of `text` of at most `size` bytes, without the part of a character at its end.
std::string_view utf8_prefix(std::string_view text, std::size_t size);

}  // namespace convmae
