#include "convmae/base/alike.h"

#include "convmae/base/utf8.h"

#include <algorithm>
#include <vector>

namespace convmae {
namespace {

struct Letter {
  char32_t code = 0;
  bool marked = false;  ///< accents follow, as characters of their own
};

struct Tolerance {
  bool letter_case = false;
  bool blanks = false;
  bool encoding = false;
};

bool is_between(char32_t code, char32_t first, char32_t last) {
  return first <= code && code <= last;
}

/// Combining marks of Latin, Greek and Cyrillic letters, and of kana.
bool is_mark(char32_t code) {
  return is_between(code, 0x300, 0x36F) || code == 0x3099 || code == 0x309A;
}

/// Also what is written in place of a blank, and characters of no width.
bool is_blank(char32_t code) {
  return code == ' ' || code == '\t' || code == '\r' || code == '\n' || code == '-' ||
         code == '_' || code == 0xA0 || code == 0x3000 || is_between(code, 0x2000, 0x200D) ||
         code == 0xFEFF;
}

/// Of the alphabets that have case, but for their rarer letters.
char32_t lower_case(char32_t code) {
  const bool latin = is_between(code, 'A', 'Z') || (is_between(code, 0xC0, 0xDE) && code != 0xD7);
  if (latin || is_between(code, 0x391, 0x3A9) || is_between(code, 0x410, 0x42F)) {
    return code + 0x20;
  }
  return is_between(code, 0x400, 0x40F) ? code + 0x50 : code;
}

/// Puts a part of a Korean syllable to those before it (Unicode 15, section 3.12). Returns whether
/// it belongs there.
bool joins_syllable(char32_t& before, char32_t code) {
  constexpr char32_t kSyllables = 0xAC00;
  constexpr char32_t kVowels = 21;
  constexpr char32_t kEnds = 28;
  if (is_between(before, 0x1100, 0x1112) && is_between(code, 0x1161, 0x1175)) {
    before = kSyllables + ((before - 0x1100) * kVowels + (code - 0x1161)) * kEnds;
    return true;
  }
  const bool open = is_between(before, kSyllables, 0xD7A3) && (before - kSyllables) % kEnds == 0;
  if (!open || !is_between(code, 0x11A8, 0x11C2)) return false;
  before += code - 0x11A7;
  return true;
}

std::vector<Letter> letters_of(std::string_view text, Tolerance tolerance) {
  constexpr char32_t kNoCharacter = 0x110000;  // and upwards: bytes that belong to none
  std::vector<Letter> letters;
  while (!text.empty()) {
    Utf8Character character = first_character(text);
    if (character.size == 0) {
      character = {kNoCharacter + static_cast<unsigned char>(text.front()), 1};
    }
    text.remove_prefix(character.size);
    if (tolerance.blanks && is_blank(character.code)) continue;
    if (tolerance.encoding && !letters.empty()) {
      if (is_mark(character.code)) {
        letters.back().marked = true;
        continue;
      }
      if (joins_syllable(letters.back().code, character.code)) continue;
    }
    letters.push_back({tolerance.letter_case ? lower_case(character.code) : character.code});
  }
  return letters;
}

/// A letter with its accent stands for the plain one with a mark behind it; which plain one it
/// would be is not asked.
bool looks_the_same(const Letter& one, const Letter& other) {
  if (one.marked == other.marked) return one.code == other.code;
  return (one.marked ? other.code : one.code) >= 0xC0;
}

bool equal(std::string_view one, std::string_view other, Tolerance tolerance) {
  return std::ranges::equal(letters_of(one, tolerance), letters_of(other, tolerance),
                            looks_the_same);
}

}  // namespace

std::string difference_of_alike(std::string_view one, std::string_view other) {
  if (one == other) return "";
  if (equal(one, other, {.letter_case = true})) return "letter case alone";
  if (equal(one, other, {.blanks = true})) return "blanks, hyphens or underscores alone";
  if (equal(one, other, {.encoding = true})) {
    return "the encoding of its accents alone (Unicode NFC or NFD)";
  }
  if (equal(one, other, {.letter_case = true, .blanks = true, .encoding = true})) {
    return "letter case, blanks and the like";
  }
  return "";
}

std::u32string without_case_and_blanks(std::string_view text) {
  std::u32string codes;
  for (const Letter& letter : letters_of(text, {.letter_case = true, .blanks = true})) {
    codes += letter.code;
  }
  return codes;
}

}  // namespace convmae
