#include "convmae/study/statistics.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace convmae {
namespace {

/// How probable |T| <= t is, for T of Student's distribution.
double student_central(double t, std::size_t degrees) {
  const auto n = static_cast<double>(degrees);
  const double theta = std::atan(t / std::sqrt(n));
  const double cosine = std::cos(theta);
  const double square = cosine * cosine;
  const bool odd = degrees % 2 == 1;
  // 1 + (1/2)cos^2 + (1*3)/(2*4)cos^4 + ..., or of odd degrees cos + (2/3)cos^3 + ...
  double term = odd ? cosine : 1;
  double sum = 0;
  for (std::size_t power = odd ? 1 : 0; power + 1 < degrees; power += 2) {
    sum += term;
    const auto p = static_cast<double>(power);
    term *= square * (p + 1) / (p + 2);
  }
  if (odd) return 2 / std::numbers::pi * (theta + std::sin(theta) * sum);
  return std::sin(theta) * sum;
}

}  // namespace

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_error_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  if (values.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (count - 1) / count);
}

double student_quantile(std::size_t degrees, double confidence) {
  double low = 0;
  double high = 1;
  while (student_central(high, degrees) < confidence) high *= 2;
  constexpr int kHalvings = 60;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (student_central(middle, degrees) < confidence ? low : high) = middle;
  }
  return high;
}

MeanInterval mean_interval(std::span<const double> values) {
  const double error = standard_error_of(values);
  return {mean_of(values), values.size() < 2 ? error : error * student_quantile(values.size() - 1)};
}

}  // namespace convmae
