#pragma once

#include "convmae/detect/detector.h"
#include "convmae/io/weights.h"
#include "convmae/model/architecture.h"

#include <optional>
#include <span>

namespace convmae {

/// The detector that weights with published names belong to: sizes as their shapes say, all else as
/// in the published detector of that kind. Nothing if they are of none. Throws UserError if what
/// shapes tell makes no detector, or does not tell enough.
std::optional<DetectorConfig> detector_config_of(std::span<const NamedShape> weights);

/// The detector in a file with published names, and what they do not have left out: published files
/// hold for every table of relative positions an index, which follows from its grid, and the mean
/// and deviation of pixels. Throws UserError if the file holds no such detector.
std::shared_ptr<Detector> load_published_detector(const WeightFile& file);

}  // namespace convmae
