#include "convmae/data/resize/resize_weights.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

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

ResizeWeights resize_weights(std::int64_t in, std::int64_t out, std::int64_t begin,
                             std::int64_t end, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = support_of(filter) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  ResizeWeights result;
  result.stride = static_cast<std::int64_t>(std::ceil(support)) * 2 + 1;
  result.first.reserve(static_cast<std::size_t>(end - begin));
  result.count.reserve(static_cast<std::size_t>(end - begin));
  result.weights.resize(static_cast<std::size_t>((end - begin) * result.stride));
  for (std::int64_t x = begin; x < end; ++x) {
    const double centre = (static_cast<double>(x) + 0.5) * scale;
    const auto first =
        std::max<std::int64_t>(static_cast<std::int64_t>(std::trunc(centre - support + 0.5)), 0);
    const auto last = std::min(static_cast<std::int64_t>(std::trunc(centre + support + 0.5)), in);
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

FixedPointWeights::FixedPointWeights(ResizeWeights weights, WeightPrecision precision)
    : exact_(std::move(weights)), precision_(precision) {
  fixed_.reserve(exact_.weights.size());
  for (const double weight : exact_.weights) {
    const double scaled = weight * (1 << kWeightBits);
    fixed_.push_back(static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5)));
  }
  if (precision_ == WeightPrecision::coarse) make_coarse();
  constexpr std::int64_t kGroup = 4;
  const std::int64_t groups = (exact_.stride + kGroup - 1) / kGroup;
  halves_stride_ = groups * kGroup * 2;
  halves_.resize(static_cast<std::size_t>(exact_.outputs() * halves_stride_));
  for (std::int64_t output = 0; output < exact_.outputs(); ++output) {
    std::int16_t* halves = halves_.data() + output * halves_stride_;
    for (std::int64_t tap = 0; tap < exact_.stride; ++tap) {
      const std::int32_t weight = fixed_[static_cast<std::size_t>(output * exact_.stride + tap)];
      const std::int32_t high = (weight + (1 << (kLowBits - 1))) >> kLowBits;
      std::int16_t* group = halves + tap / kGroup * kGroup * 2 + tap % kGroup;
      group[0] = static_cast<std::int16_t>(weight - high * (1 << kLowBits));
      group[kGroup] = static_cast<std::int16_t>(high);
    }
  }
}

void FixedPointWeights::make_coarse() {
  constexpr std::int32_t kStep = 1 << kLowBits;
  for (std::int64_t output = 0; output < exact_.outputs(); ++output) {
    const std::span weights(fixed_.data() + output * exact_.stride,
                            static_cast<std::size_t>(exact_.stride));
    std::int32_t missing = 1 << kWeightBits;
    for (std::int32_t& weight : weights) {
      weight = (weight + kStep / 2) / kStep * kStep;
      missing -= weight;
    }
    *std::max_element(weights.begin(), weights.end()) += missing;
  }
}

PassWeights FixedPointWeights::view() const {
  return {exact_.outputs(),    exact_.first.data(),
          exact_.count.data(), exact_.stride,
          fixed_.data(),       halves_.data(),
          halves_stride_,      precision_ == WeightPrecision::coarse};
}

}  // namespace convmae
