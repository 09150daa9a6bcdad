#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace convmae {

/// All of `text` as a number, or nothing: no blanks around it, no plus before it, nothing that `T`
/// cannot hold. `format` is std::from_chars', the base of a whole number and the like.
template <typename T, typename... Format>
std::optional<T> parse_number(std::string_view text, Format... format) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, format...);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

/// The same for what counts or numbers something: nothing below 0.
inline std::optional<std::int64_t> parse_count(std::string_view text, int base = 10) {
  const std::optional<std::int64_t> number = parse_number<std::int64_t>(text, base);
  return number && *number >= 0 ? number : std::nullopt;
}

}  // namespace convmae
