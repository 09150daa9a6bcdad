#include "convmae/report/chart.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace convmae {

Series decimate(const Series& series, std::size_t max_points) {
  const std::size_t count = series.x.size();
  if (count <= max_points) return series;
  constexpr std::size_t kPerStretch = 5;  // first, lowest, highest, last, a gap
  const std::size_t stretches = std::max<std::size_t>(1, max_points / kPerStretch);
  Series result;
  result.name = series.name;
  result.mark = series.mark;
  result.colour = series.colour;
  for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
    const std::size_t begin = stretch * count / stretches;
    const std::size_t end = (stretch + 1) * count / stretches;
    std::optional<std::size_t> first, lowest, highest, last, gap;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(series.y[i])) {
        if (!gap) gap = i;
        continue;
      }
      if (!first) first = lowest = highest = i;
      if (series.y[i] < series.y[*lowest]) lowest = i;
      if (series.y[i] > series.y[*highest]) highest = i;
      last = i;
    }
    std::vector<std::size_t> kept;
    for (const auto& index : {first, lowest, highest, last, gap}) {
      if (index) kept.push_back(*index);
    }
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t i : kept) {
      result.x.push_back(series.x[i]);
      result.y.push_back(series.y[i]);
    }
  }
  return result;
}

Series smooth(const Series& series, std::size_t span) {
  const std::size_t count = series.y.size();
  std::vector<double> sums(count + 1, 0);
  std::vector<double> weights(count + 1, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const bool finite = std::isfinite(series.y[i]);
    sums[i + 1] = sums[i] + (finite ? series.y[i] : 0);
    weights[i + 1] = weights[i] + (finite ? 1 : 0);
  }
  Series result = series;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(series.y[i])) continue;
    const std::size_t reach = std::min(span / 2, i);
    const std::size_t begin = i - reach;
    const std::size_t end = std::min(i + reach + 1, count);
    result.y[i] = (sums[end] - sums[begin]) / (weights[end] - weights[begin]);
  }
  return result;
}

}  // namespace convmae
