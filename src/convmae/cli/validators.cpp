#include "convmae/cli/validators.h"

#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace convmae {
namespace {

/// `fits` tells which numbers are taken, `range` says it.
template <typename Fits>
CLI::Validator number_that(Fits fits, const std::string& range, const std::string& type) {
  const auto check = [fits, range](const std::string& text) -> std::string {
    const std::optional<double> number = parse_number<double>(text);
    if (number && fits(*number)) return {};
    return "must be a number " + range + ", found " + text;
  };
  return {check, type};
}

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  constexpr int kHexadecimal = 16;
  if (text.starts_with("0x")) return parse_number<T>(text.substr(2), kHexadecimal);
  return parse_number<T>(text);
}

/// Without blanks around it, as in "0.1, 0.2", and without a plus.
void strip(std::string& text) {
  constexpr const char* kBlanks = " \t";
  const std::size_t end = text.find_last_not_of(kBlanks);
  text.erase(end == std::string::npos ? 0 : end + 1);
  text.erase(0, std::min(text.find_first_not_of(kBlanks), text.size()));
  if (text.starts_with('+')) text.erase(0, 1);
}

/// Replaces a whole number by its plain spelling. Nothing is left to CLI11, which takes "true"
/// for 1.
template <typename T>
std::string check_whole(std::string& text) {
  strip(text);
  const std::optional<T> number = parse_whole<T>(text);
  if (!number) {
    const bool has_digits_alone = text.find_first_not_of("-0123456789") == std::string::npos;
    return "must be a whole number" +
           (has_digits_alone && !text.empty()
                ? " from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                      std::to_string(std::numeric_limits<T>::max())
                : "") +
           ", found " + quote(text);
  }
  text = std::to_string(*number);
  return {};
}

/// CLI11 takes infinity, and numbers in hexadecimal that are as large.
std::string check_finite(std::string& text) {
  strip(text);
  const std::optional<double> number = parse_number<double>(text);
  if (number && std::isfinite(*number)) return {};
  return "must be a finite number in double precision, found " + quote(text);
}

CLI::Option* taking(CLI::Option* option, std::string (*check)(std::string&)) {
  return option->transform(CLI::Validator(check, ""));
}

}  // namespace

template <>
CLI::Option* numbers_of<int>(CLI::Option* option) {
  return taking(option, check_whole<int>);
}

template <>
CLI::Option* numbers_of<std::int64_t>(CLI::Option* option) {
  return taking(option, check_whole<std::int64_t>);
}

template <>
CLI::Option* numbers_of<std::uint64_t>(CLI::Option* option) {
  return taking(option, check_whole<std::uint64_t>);
}

template <>
CLI::Option* numbers_of<double>(CLI::Option* option) {
  return taking(option, check_finite);
}

CLI::Validator positive() {
  return number_that([](double x) { return x > 0; }, "above 0", "POSITIVE");
}

CLI::Validator count() {
  constexpr double kMost = 1e9;
  return number_that([](double x) { return x >= 1 && x <= kMost; }, "from 1 to 1000000000",
                     "COUNT");
}

CLI::Validator not_negative() {
  return number_that([](double x) { return x >= 0; }, "of 0 or more", "NONNEGATIVE");
}

}  // namespace convmae
