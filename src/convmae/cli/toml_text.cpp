#include "convmae/cli/toml_text.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"

#include <cstddef>
#include <optional>
#include <sstream>
#include <string_view>

namespace convmae {
namespace {

constexpr std::string_view kEscape = "\\x";
constexpr std::size_t kDigits = 2;

std::string spelled(const std::string& text) {
  std::ostringstream out;
  if (printable(text) == text) {
    out << toml::value<std::string>(text);
  } else {
    // A JSON string is a TOML string too, and on one line, unlike what the library writes.
    out << json_text(text);
  }
  return out.str();
}

std::string encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result.append(kEscape).append("5c");
    } else {
      result += c;
    }
  }
  return as_utf8(result);
}

std::string decoded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (text.front() != '\\') {
      result += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::string_view digits =
        text.starts_with(kEscape) ? text.substr(kEscape.size(), kDigits) : std::string_view();
    const std::optional<unsigned> byte = parse_number<unsigned>(digits, 16);
    if (digits.size() != kDigits || !byte) {
      throw UserError("expected \\xNN, a byte, after each backslash of 'bytes', found " +
                      quote(text.substr(0, kEscape.size() + kDigits)));
    }
    result += static_cast<char>(*byte);
    text.remove_prefix(kEscape.size() + kDigits);
  }
  return result;
}

}  // namespace

std::string toml_text(const std::string& text) {
  return is_utf8(text) ? spelled(text) : "{ bytes = " + spelled(encoded(text)) + " }";
}

std::optional<std::string> text_of_toml(const toml::node& node) {
  if (const toml::table* const table = node.as_table()) {
    const auto bytes = (*table)["bytes"].value_exact<std::string>();
    return bytes && table->size() == 1 ? std::optional(decoded(*bytes)) : std::nullopt;
  }
  return node.value_exact<std::string>();
}

}  // namespace convmae
