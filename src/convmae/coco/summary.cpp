#include "convmae/coco/evaluation.h"

#include <algorithm>
#include <span>

namespace convmae::coco {
namespace {

/// numpy's pairwise sum: eight running sums in blocks of at most 128 numbers, halves above.
double pairwise_sum(std::span<const double> values) {
  constexpr std::size_t kLanes = 8;
  constexpr std::size_t kBlock = 128;
  const std::size_t n = values.size();
  if (n < kLanes) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
  }
  if (n <= kBlock) {
    std::array<double, kLanes> r{};
    std::copy_n(values.begin(), kLanes, r.begin());
    std::size_t i = kLanes;
    for (; i + kLanes <= n; i += kLanes) {
      for (std::size_t k = 0; k < kLanes; ++k) r[k] += values[i + k];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += values[i];
    return sum;
  }
  std::size_t half = n / 2;
  half -= half % kLanes;
  return pairwise_sum(values.first(half)) + pairwise_sum(values.subspan(half));
}

/// The mean of what is above -1; -1 if nothing is.
double mean(const std::vector<double>& values) {
  return values.empty() ? -1 : pairwise_sum(values) / static_cast<double>(values.size());
}

std::optional<double> unless_negative(double value) {
  return value < 0 ? std::nullopt : std::optional(value);
}

constexpr std::size_t kMost = kLimits - 1;

}  // namespace

double Evaluation::mean_precision(std::size_t first, std::size_t last, std::size_t area) const {
  std::vector<double> values;
  values.reserve((last - first) * kRecalls * categories_);
  for (std::size_t t = first; t < last; ++t) {
    for (std::size_t r = 0; r < kRecalls; ++r) {
      for (std::size_t k = 0; k < categories_; ++k) {
        const double value = precision(t, r, k, area, kMost);
        if (value > -1) values.push_back(value);
      }
    }
  }
  return mean(values);
}

double Evaluation::mean_recall(std::size_t area, std::size_t limit) const {
  std::vector<double> values;
  values.reserve(kThresholds * categories_);
  for (std::size_t t = 0; t < kThresholds; ++t) {
    for (std::size_t k = 0; k < categories_; ++k) {
      const double value = recall(t, k, area, limit);
      if (value > -1) values.push_back(value);
    }
  }
  return mean(values);
}

std::array<double, 12> Evaluation::stats() const {
  constexpr std::size_t kHalf = 0;           // of the thresholds: 0.5
  constexpr std::size_t kThreeQuarters = 5;  // 0.75
  return {mean_precision(0, kThresholds, 0),
          mean_precision(kHalf, kHalf + 1, 0),
          mean_precision(kThreeQuarters, kThreeQuarters + 1, 0),
          mean_precision(0, kThresholds, 1),
          mean_precision(0, kThresholds, 2),
          mean_precision(0, kThresholds, 3),
          mean_recall(0, 0),
          mean_recall(0, 1),
          mean_recall(0, 2),
          mean_recall(1, kMost),
          mean_recall(2, kMost),
          mean_recall(3, kMost)};
}

std::optional<double> Evaluation::category_ap(std::size_t category) const {
  std::vector<double> values;
  values.reserve(kThresholds * kRecalls);
  for (std::size_t t = 0; t < kThresholds; ++t) {
    for (std::size_t r = 0; r < kRecalls; ++r) {
      const double value = precision(t, r, category, 0, kMost);
      if (value > -1) values.push_back(value);
    }
  }
  return unless_negative(mean(values));
}

std::optional<double> Evaluation::category_ap50(std::size_t category) const {
  std::vector<double> values;
  values.reserve(kRecalls);
  for (std::size_t r = 0; r < kRecalls; ++r) values.push_back(precision(0, r, category, 0, kMost));
  return unless_negative(mean(values));
}

std::optional<double> Evaluation::category_ar(std::size_t category) const {
  std::vector<double> values;
  values.reserve(kThresholds);
  for (std::size_t t = 0; t < kThresholds; ++t) values.push_back(recall(t, category, 0, kMost));
  return unless_negative(mean(values));
}

}  // namespace convmae::coco
