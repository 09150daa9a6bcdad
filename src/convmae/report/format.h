#pragma once

#include <cstdint>
#include <string>

namespace convmae {

// Numbers as a person reads them; independent of the locale.

/// `digits` significant digits, without trailing zeros: 0.0431, 1.2e-04, 12800, nan, inf.
std::string format_number(double value, int digits = 4);

/// With `decimals` digits after the point: 0.4312.
std::string format_fixed(double value, int decimals);

/// With `decimals` digits in the mantissa: 1.2e-04.
std::string format_scientific(double value, int decimals);

/// Whole numbers, from a million on shortened: 950, 12 800, 1.28 M, 86.1 G.
std::string format_count(double value);

/// A share of 1 as a percentage: 0.4 %, 12 %.
std::string format_share(double share);

/// 42 s, 4:32, 1:02:03, 2 d 03:04. Negative or not finite: "?".
std::string format_duration(double seconds);

}  // namespace convmae
