#pragma once

#include "convmae/detect/detector_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// What a part of a detector costs in the forward pass of one image of the network's input size.
struct DetectorCost {
  std::string name;             ///< encoder, pyramid, proposals, boxes, masks
  std::int64_t parameters = 0;  ///< with fixed position tables, without statistics
  std::int64_t trainable = 0;   ///< without them
  /// Multiply-accumulates of matrix products, of convolutions and of attention's two products.
  std::int64_t macs = 0;
};

/// By part: in inference with as many proposals as the configuration lets through and as many
/// detections as it allows. Of a valid configuration; the detector itself is not made. Throws
/// UserError for numbers beyond 64 bits.
std::vector<DetectorCost> detector_costs(const DetectorConfig& config);

/// The sum, named "total".
DetectorCost total_cost(const std::vector<DetectorCost>& parts);

}  // namespace convmae
