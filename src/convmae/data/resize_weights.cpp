#include "convmae/data/resize_weights.h"

#include <algorithm>
#include <cmath>

namespace convmae {
namespace {

double support_of(Filter filter) { return filter == Filter::bicubic ? 2.0 : 1.0; }

// The order of operations is part of the result: the weights must be Pillow's to the last bit.
double filter_at(Filter filter, double x) {
  x = std::abs(x);
  if (filter == Filter::bilinear) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double kA = -0.5;
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0.0;
}

}  // namespace

ResizeWeights<double> resize_weights(std::int64_t in, std::int64_t out, std::int64_t begin,
                                     std::int64_t end, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = support_of(filter) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  ResizeWeights<double> result;
  result.stride = static_cast<std::int64_t>(std::ceil(support)) * 2 + 1;
  result.first.reserve(static_cast<std::size_t>(end - begin));
  result.count.reserve(static_cast<std::size_t>(end - begin));
  result.weights.resize(static_cast<std::size_t>((end - begin) * result.stride));
  for (std::int64_t x = begin; x < end; ++x) {
    const double centre = (static_cast<double>(x) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
    const auto last = std::min(static_cast<std::int64_t>(centre + support + 0.5), in);
    double* weights = result.weights.data() + (x - begin) * result.stride;
    double sum = 0.0;
    for (std::int64_t tap = 0; tap < last - first; ++tap) {
      weights[tap] = filter_at(filter, (static_cast<double>(tap + first) - centre + 0.5) * inverse);
      sum += weights[tap];
    }
    for (std::int64_t tap = 0; tap < last - first && sum != 0.0; ++tap) weights[tap] /= sum;
    result.first.push_back(first);
    result.count.push_back(last - first);
  }
  return result;
}

ResizeWeights<std::int32_t> fixed_point(const ResizeWeights<double>& weights) {
  ResizeWeights<std::int32_t> result{weights.stride, weights.first, weights.count, {}};
  result.weights.reserve(weights.weights.size());
  for (const double weight : weights.weights) {
    const double scaled = weight * (1 << kWeightBits);
    result.weights.push_back(static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5)));
  }
  return result;
}

}  // namespace convmae
