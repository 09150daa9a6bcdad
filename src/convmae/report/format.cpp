#include "convmae/report/format.h"

#include <array>
#include <charconv>
#include <cmath>

namespace convmae {
namespace {

std::string to_text(double value, std::chars_format format, int precision) {
  std::array<char, 64> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
  // Only a number with dozens of digits before the point does not fit.
  if (end.ec != std::errc{}) return to_text(value, std::chars_format::scientific, 3);
  return {buffer.data(), end.ptr};
}

std::string two_digits(std::int64_t value) {
  std::string text = std::to_string(value);
  if (value < 10) text.insert(text.begin(), '0');
  return text;
}

}  // namespace

std::string format_number(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (value == 0) return "0";
  const double magnitude = std::abs(value);
  if (magnitude >= 1e6 || magnitude < 1e-3) {
    return to_text(value, std::chars_format::scientific, digits - 1);
  }
  if (magnitude >= std::pow(10.0, digits)) return format_fixed(value, 0);
  return to_text(value, std::chars_format::general, digits);
}

std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return format_number(value);
  return to_text(value, std::chars_format::fixed, decimals);
}

std::string format_scientific(double value, int decimals) {
  if (!std::isfinite(value)) return format_number(value);
  return to_text(value, std::chars_format::scientific, decimals);
}

std::string format_count(double value) {
  struct Magnitude {
    double size;
    const char* letter;
  };
  constexpr std::array<Magnitude, 3> kMagnitudes = {{{1e12, " T"}, {1e9, " G"}, {1e6, " M"}}};
  if (!std::isfinite(value)) return format_number(value);
  for (const auto& [size, letter] : kMagnitudes) {
    if (std::abs(value) >= size) return format_number(value / size, 3) + letter;
  }
  std::string text = format_fixed(value, 0);
  if (std::abs(value) >= 1e4) text.insert(text.size() - 3, "\u202f");
  return text;
}

std::string format_share(double share) {
  if (!std::isfinite(share)) return "?";
  const double percent = share * 100;
  return format_fixed(percent, percent < 9.95 ? 1 : 0) + " %";
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const std::int64_t total = std::llround(seconds);
  const std::int64_t days = total / 86400;
  const std::int64_t hours = total / 3600 % 24;
  const std::int64_t minutes = total / 60 % 60;
  if (days > 0) {
    return std::to_string(days) + " d " + two_digits(hours) + ":" + two_digits(minutes);
  }
  if (hours > 0) {
    return std::to_string(hours) + ":" + two_digits(minutes) + ":" + two_digits(total % 60);
  }
  if (minutes > 0) return std::to_string(minutes) + ":" + two_digits(total % 60);
  return std::to_string(total) + " s";
}

}  // namespace convmae
