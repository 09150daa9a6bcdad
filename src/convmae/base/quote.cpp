#include "convmae/base/quote.h"

#include "convmae/base/utf8.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace convmae {
namespace {

/// A character, or a byte that belongs to none.
struct Piece {
  std::string_view bytes;
  Utf8Character character;

  bool is_shown() const { return character.size > 0 && is_printable(character.code); }
};

/// Takes the first piece off a text that is not empty.
Piece take_piece(std::string_view& text) {
  const Utf8Character character = first_character(text);
  const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.size, 1));
  text.remove_prefix(bytes.size());
  return {bytes, character};
}

/// Every byte as \xNN.
std::string escaped_bytes(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    result += "\\x";
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result;
}

std::string shown(const Piece& piece) {
  if (piece.is_shown()) return std::string(piece.bytes);
  if (piece.bytes.size() == 1) return escaped_bytes(piece.bytes);
  char digits[8];
  const std::to_chars_result end = std::to_chars(
      std::begin(digits), std::end(digits), static_cast<std::uint32_t>(piece.character.code), 16);
  return "\\u{" + std::string(std::begin(digits), end.ptr) + "}";
}

/// The last pieces of a text, of at most `longest` bytes together.
std::string shown_end(std::string_view text, std::size_t longest) {
  // A piece is never shown shorter than it is.
  if (text.size() > longest) text.remove_prefix(text.size() - longest);
  std::vector<std::string> pieces;
  while (!text.empty()) pieces.push_back(shown(take_piece(text)));
  std::size_t size = 0;
  auto first = pieces.end();
  while (first != pieces.begin() && size + std::prev(first)->size() <= longest) {
    size += (--first)->size();
  }
  std::string end;
  for (; first != pieces.end(); ++first) end += *first;
  return end;
}

bool is_plain(char c) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
  return kPlain.find(c) != std::string_view::npos;
}

}  // namespace

bool is_printable(char32_t code) {
  const auto within = [code](char32_t first, char32_t last) {
    return code >= first && code <= last;
  };
  return !within(0, 0x1F) && !within(0x7F, 0x9F) && !within(0x2028, 0x202E) &&
         !within(0x2066, 0x2069) && !within(0xFFFE, 0xFFFF) && !is_surrogate(code);
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) result += shown(take_piece(text));
  return result;
}

std::string brief(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) {
    std::string whole = printable(text);
    if (whole.size() <= longest) return whole;
  }
  constexpr std::string_view kGap = "...";
  const std::size_t room = longest - std::min(longest, kGap.size());
  std::string beginning;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string piece = shown(take_piece(rest));
    if (beginning.size() + piece.size() > room / 8) break;
    beginning += piece;
  }
  const std::string end = shown_end(text, room - beginning.size());
  return beginning.append(kGap).append(end);
}

std::string quote(std::string_view text) {
  std::string quoted = "'";
  return quoted.append(brief(text)).append("'");
}

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  const bool escape = printable(text) != text;
  std::string word = escape ? "$'" : "'";
  while (!text.empty()) {
    const Piece piece = take_piece(text);
    if (!piece.is_shown()) {
      word += escaped_bytes(piece.bytes);
    } else if (piece.bytes == "'") {
      word += escape ? "\\'" : "'\\''";
    } else if (piece.bytes == "\\" && escape) {
      word += "\\\\";
    } else {
      word += piece.bytes;
    }
  }
  return word + "'";
}

std::string as_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Piece piece = take_piece(text);
    const bool is_text = piece.character.size > 0 && !is_surrogate(piece.character.code);
    result += is_text ? std::string(piece.bytes) : escaped_bytes(piece.bytes);
  }
  return result;
}

}  // namespace convmae
