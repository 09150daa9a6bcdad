#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace convmae {

/// What a box is to be, by its best intersection over union with a true box.
struct MatcherConfig {
  /// Ascending; a quality equal to a threshold counts as above it.
  std::vector<double> thresholds;
  /// One more: of a quality below the first threshold, from the first on, ...; 0 background, 1
  /// object, -1 neither.
  std::vector<std::int64_t> labels;
  /// Whether every true box makes objects of the boxes that are closest to it, however far they
  /// are, also where another true box is closer to these.
  bool allow_low_quality = false;
};

struct BoxMatches {
  at::Tensor truth;  ///< [M] int64: the best true box, the first of equal ones; 0 without any
  at::Tensor label;  ///< [M] int64
};

/// quality [G, M] >= 0, of G true boxes with M boxes (detectron2's Matcher). Without true boxes all
/// have the first label.
BoxMatches match_boxes(const at::Tensor& quality, const MatcherConfig& config);

}  // namespace convmae
