#include "convmae/cli/validators.h"

#include <charconv>
#include <string>

namespace convmae {
namespace {

/// `fits` tells which numbers are taken, `range` says it.
template <typename Fits>
CLI::Validator number_that(Fits fits, const std::string& range, const std::string& type) {
  const auto check = [fits, range](const std::string& text) -> std::string {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && rest == end && fits(number)) return {};
    return "must be a number " + range + ", found " + text;
  };
  return {check, type};
}

}  // namespace

CLI::Validator positive() {
  return number_that([](double x) { return x > 0; }, "above 0", "POSITIVE");
}

CLI::Validator not_negative() {
  return number_that([](double x) { return x >= 0; }, "of 0 or more", "NONNEGATIVE");
}

}  // namespace convmae
