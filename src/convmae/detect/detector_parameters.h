#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/model/parameter_shapes.h"

namespace convmae {

/// What `Detector(config)` is made of, told without making it: parameters and statistics under
/// their published names, in the order of the published state dict. The configuration must be valid
/// (`validate`). Throws UserError if a parameter's numbers could not be counted.
void for_each_parameter(const DetectorConfig& config, const ParameterVisitor& visit);

}  // namespace convmae
