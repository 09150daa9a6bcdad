#pragma once

#include "convmae/coco/evaluation.h"

#include <array>
#include <cstdint>
#include <vector>

namespace convmae::coco {

/// What became of a detection, a bit for each IoU threshold.
struct Outcome {
  static constexpr std::uint16_t kAll = (1U << kThresholds) - 1;

  std::array<std::uint16_t, kAreas> matched{};
  std::array<std::uint16_t, kAreas> ignored{};
  /// By score in its image and class, from 0; `kUnranked` beyond the largest limit.
  std::uint8_t rank = kUnranked;

  static constexpr std::uint8_t kUnranked = 255;
};

/// The detections of all images against the objects in them.
struct Matching {
  std::vector<Outcome> outcomes;  ///< one a detection
  /// Objects that are to be found, by category and range of areas.
  std::vector<std::array<std::int64_t, kAreas>> objects;
  /// Categories as the options count them. Detections by category, then by descending score, then
  /// by image, then in the order of the file; where each category begins, and the end.
  std::vector<std::uint32_t> ranked;
  std::vector<std::size_t> begins;
};

/// Matches greedily as COCO does: per image and class, detections by descending score take the free
/// object with the highest IoU.
Matching match(const Dataset& truth, const Results& results, const EvaluationOptions& options);

}  // namespace convmae::coco
