#include "convmae/base/json_text.h"

#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace convmae {
namespace {

/// Whether a byte may belong to a character that JSON itself does not escape and a terminal obeys.
bool is_suspect(char c) { return static_cast<unsigned char>(c) >= 0x7F; }

/// Line feeds are the writer's own. The others are all below U+10000.
std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = first_character(text);
    if (character.code == U'\n' || is_printable(character.code)) {
      result += text.substr(0, character.size);
    } else {
      std::array<char, 8> digits{};
      std::snprintf(digits.data(), digits.size(), "\\u%04x",
                    static_cast<unsigned>(character.code & 0xFFFFU));
      result += digits.data();
    }
    text.remove_prefix(character.size);
  }
  return result;
}

}  // namespace

std::string json_text(const nlohmann::ordered_json& json, int indent) {
  std::string text =
      json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return std::ranges::any_of(text, is_suspect) ? escaped(text) : text;
}

}  // namespace convmae
