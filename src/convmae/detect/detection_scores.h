#pragma once

#include "convmae/detect/detection_images.h"
#include "convmae/detect/detector.h"
#include "convmae/train/run/run.h"

#include <nlohmann/json.hpp>

#include <array>
#include <optional>
#include <string>

namespace convmae {

/// What held-out images say of a detector: COCO's twelve numbers, as shares of 1.
struct DetectionScores {
  using Stats = std::array<double, 12>;  ///< -1 where nothing is to be averaged

  Stats boxes{};
  std::optional<Stats> masks;  ///< where detector and annotations have some

  /// By the names of --best_by: box_ap, mask_ap. Nothing where nothing is to be averaged.
  std::optional<double> score(const std::string& name) const;
  /// For the log, in percent: box_ap, box_ap50, box_ap75, by size, box_ar100; the same of masks.
  nlohmann::ordered_json values() const;
  /// For the console.
  std::string text() const;
};

/// Finds objects in the held-out images with the detector as it is, in float32. Of several
/// processes the first alone has the scores.
DetectionScores evaluate_held_out(Run& run, const DetectOptions& options,
                                  const DetectionImages& images, Detector& detector);

}  // namespace convmae
