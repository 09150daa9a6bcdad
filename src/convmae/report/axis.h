#pragma once

#include <string>
#include <vector>

namespace convmae {

/// One axis of a chart: where a value lies between its ends, and which values are labelled.
class Axis {
 public:
  /// An axis from `low` to `high`, low <= high and both finite; equal ends are moved apart.
  /// A logarithmic axis needs low > 0.
  Axis(double low, double high, bool logarithmic);

  double low() const { return low_; }
  double high() const { return high_; }
  bool logarithmic() const { return logarithmic_; }
  /// 0 at the low end, 1 at the high end.
  double position(double value) const;
  /// Round values inside the axis, about `wanted` of them (at least two, unless the axis spans less
  /// than a factor of two logarithmically), ascending.
  std::vector<double> ticks(int wanted) const;

 private:
  double low_;
  double high_;
  bool logarithmic_;
};

/// Labels of ticks, in one style: 0, 0.05 or 250, 20k or 1.5e-3; as percentages of 1: 5%.
std::vector<std::string> tick_labels(const std::vector<double>& ticks, bool percent);

}  // namespace convmae
