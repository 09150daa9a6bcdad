#pragma once

#include <cstddef>
#include <span>

namespace convmae {

double mean_of(std::span<const double> values);
/// Of the mean of independent values: their standard deviation (divisor n - 1) by the root of n.
/// NaN for fewer than two.
double standard_error_of(std::span<const double> values);

/// The number that Student's t with so many degrees of freedom, at least 1, exceeds to either side
/// in a share 1 - `confidence` of all cases. (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.)
double student_quantile(std::size_t degrees, double confidence = 0.95);

/// A mean, and how far it may be from the truth: the interval is mean - half to mean + half.
struct MeanInterval {
  double mean = 0;
  double half = 0;  ///< of the 95 % interval; NaN for a single value

  double low() const { return mean - half; }
  double high() const { return mean + half; }
};

MeanInterval mean_interval(std::span<const double> values);

}  // namespace convmae
