#pragma once

#include "convmae/model/cost.h"
#include "convmae/segment/segmentor_config.h"

#include <vector>

namespace convmae {

/// What each layer of a segmentor costs for one image of the configuration's size in inference,
/// where every block is visible and nothing runs the auxiliary head; see `layer_costs` of
/// pretraining models. The configuration must be valid. Throws UserError for numbers beyond 64
/// bits.
std::vector<LayerCost> layer_costs(const SegmentorConfig& config);

}  // namespace convmae
