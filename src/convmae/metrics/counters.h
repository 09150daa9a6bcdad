#pragma once

#include <span>
#include <type_traits>
#include <vector>

namespace convmae {

/// The numbers that metrics count, to be added to what others have counted of other images. Metrics
/// have a static `visit_counters(metrics, visit)` that calls visit with each of them.
template <typename Metrics>
class Counters {
 public:
  std::vector<double> counters() const {
    std::vector<double> counters;
    Metrics::visit_counters(static_cast<const Metrics&>(*this),
                            [&](auto number) { counters.push_back(static_cast<double>(number)); });
    return counters;
  }

  void set_counters(std::span<const double> counters) {
    auto next = counters.begin();
    Metrics::visit_counters(static_cast<Metrics&>(*this), [&](auto& number) {
      number = static_cast<std::remove_reference_t<decltype(number)>>(*next++);
    });
  }
};

}  // namespace convmae
