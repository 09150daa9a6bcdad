#pragma once

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

namespace convmae {

/// The whole number in JSON that comes from a file; nothing for a fraction, a number beyond 64 bits
/// or anything else. `json.get<std::int64_t>()` cuts fractions off, wraps large numbers around, and
/// is undefined for others.
inline std::optional<std::int64_t> whole_number(const nlohmann::ordered_json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
    return static_cast<std::int64_t>(value);
  }
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (!json.is_number_float()) return std::nullopt;
  // Some writers give every number a decimal point.
  constexpr double kLargestExact = 9007199254740992.0;  // 2^53
  const auto value = json.get<double>();
  if (std::trunc(value) != value || std::abs(value) > kLargestExact) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace convmae
