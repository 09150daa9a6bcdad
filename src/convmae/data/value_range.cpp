#include "convmae/data/value_range.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace convmae {
namespace {

// Filters overshoot, and a highlight may be brighter than white.
constexpr float kLeast = -0.5F;
constexpr float kMost = 1.5F;
// A dark image of 8 bits reaches this, values in standard deviations do not.
constexpr float kMostOfDeviations = 16;

std::string short_number(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", static_cast<double>(value));
  return text;
}

}  // namespace

std::string hint_of_scale(const Image& image) {
  if (image.type() != PixelType::float32 || image.num_values() == 0) return "";
  const auto values = image.values<float>();
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least >= kLeast && *most <= kMost) return "";
  const bool whole_scale = *least >= 0 && *most > kMostOfDeviations;
  const std::string found = *least < kLeast
                                ? "from " + short_number(*least) + " to " + short_number(*most)
                                : "up to " + short_number(*most);
  const std::string advice =
      whole_scale && *most <= full_scale(PixelType::uint8)    ? "divide them by 255"
      : whole_scale && *most <= full_scale(PixelType::uint16) ? "divide them by 65535"
                                                              : "scale them";
  return "float numbers " + found + ", expected 0..1: " + advice;
}

}  // namespace convmae
