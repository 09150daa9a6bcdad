#include "convmae/report/axis.h"

#include "convmae/report/format.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace convmae {
namespace {

/// The smallest of 1, 2, 5 times a power of ten that is not below `rough`.
double round_step(double rough) {
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<double> linear_ticks(double low, double high, int wanted) {
  const double step = round_step((high - low) / wanted);
  const double first = std::ceil(low / step - 1e-9);
  const double last = std::floor(high / step + 1e-9);
  std::vector<double> ticks;
  // Counted in whole steps, so that no rounding piles up and zero is exactly zero.
  for (double i = first; i <= last && ticks.size() < 50; ++i) ticks.push_back(i * step + 0.0);
  return ticks;
}

std::vector<double> decade_ticks(double low, double high, const std::vector<double>& factors,
                                 int every) {
  std::vector<double> ticks;
  const int first = static_cast<int>(std::floor(std::log10(low)));
  const int last = static_cast<int>(std::ceil(std::log10(high)));
  for (int decade = first; decade <= last; ++decade) {
    if (decade % every != 0) continue;
    for (const double factor : factors) {
      const double value = factor * std::pow(10.0, decade);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push_back(value);
    }
  }
  return ticks;
}

/// 2e-4, 1.5e-3
std::string short_scientific(double value) {
  std::string text = format_scientific(value, 1);
  const auto point = text.find(".0e");
  if (point != std::string::npos) text.erase(point, 2);
  const std::size_t exponent = text.find('e') + 2;
  if (text[exponent] == '0') text.erase(exponent, 1);
  return text;
}

/// 250, or 20k where the largest tick of the axis has five digits or more.
std::string with_unit(double value, double largest) {
  struct Unit {
    double size;
    const char* letter;
  };
  constexpr std::array<Unit, 4> kUnits = {{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  if (largest < 1e4) return format_number(value);
  for (const auto& [size, letter] : kUnits) {
    if (std::abs(value) >= size) return format_number(value / size) + letter;
  }
  return format_number(value);
}

}  // namespace

Axis::Axis(double low, double high, bool logarithmic)
    : low_(low), high_(high), logarithmic_(logarithmic) {
  if (low_ < high_) return;
  if (logarithmic_) {
    low_ /= 2;
    high_ *= 2;
  } else {
    const double room = low_ == 0 ? 1 : std::abs(low_) / 2;
    low_ -= room;
    high_ += room;
  }
}

double Axis::position(double value) const {
  if (logarithmic_) return std::log(value / low_) / std::log(high_ / low_);
  return (value - low_) / (high_ - low_);
}

std::vector<double> Axis::ticks(int wanted) const {
  if (!logarithmic_) return linear_ticks(low_, high_, wanted);
  const double decades = std::log10(high_ / low_);
  if (decades < 1) return linear_ticks(low_, high_, wanted);
  if (decades <= wanted / 2.0) return decade_ticks(low_, high_, {1, 2, 5}, 1);
  return decade_ticks(low_, high_, {1}, static_cast<int>(std::ceil(decades / wanted)));
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks, bool percent) {
  double largest = 0;
  for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    const double magnitude = std::abs(tick);
    if (percent) {
      labels.push_back(format_number(tick * 100) + "%");
    } else if (tick != 0 && (largest < 0.01 || magnitude < 1e-3 || largest >= 1e15)) {
      labels.push_back(short_scientific(tick));
    } else {
      labels.push_back(with_unit(tick, largest));
    }
  }
  return labels;
}

}  // namespace convmae
