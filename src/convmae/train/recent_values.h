#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

namespace convmae {

/// The latest values of a noisy series, for display.
class RecentValues {
 public:
  void add(double value) {
    constexpr std::size_t kWindow = 20;
    values_.push_back(value);
    if (values_.size() > kWindow) values_.pop_front();
  }

  /// 0 without values.
  double median() const {
    if (values_.empty()) return 0;
    std::vector<double> sorted(values_.begin(), values_.end());
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
    std::ranges::nth_element(sorted, middle);
    return *middle;
  }

  double sum() const {
    double total = 0;
    for (const double value : values_) total += value;
    return total;
  }

  std::size_t size() const { return values_.size(); }

 private:
  std::deque<double> values_;
};

}  // namespace convmae
