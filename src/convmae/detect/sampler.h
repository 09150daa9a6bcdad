#pragma once

#include "convmae/base/random.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace convmae {

struct SubsampleConfig {
  std::int64_t count = 256;
  /// At most this share is positive; what positives lack is made up for by negatives.
  double positive_fraction = 0.5;
};

/// Chooses `count` of the numbers 0, ..., n - 1, without repetition: draw(n, count).
using SubsetDraw = std::function<std::vector<std::int64_t>(std::int64_t n, std::int64_t count)>;

/// A draw from a stream of random numbers, which must outlive it. Every subset is as probable.
SubsetDraw draw_from(CounterRandom& random);

struct LabelSubsample {
  at::Tensor positive;  ///< int64, as drawn
  at::Tensor negative;
};

/// Which of the labels [N] int64 a loss is computed of: -1 never, `background` is negative, all
/// others are positive. Draws positives first (detectron2's subsample_labels).
LabelSubsample subsample_labels(const at::Tensor& labels, std::int64_t background,
                                const SubsampleConfig& config, const SubsetDraw& draw);

}  // namespace convmae
