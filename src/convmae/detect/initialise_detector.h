#pragma once

#include "convmae/detect/detector_config.h"

#include <torch/nn/module.h>

#include <cstdint>

namespace convmae {

/// Sets every parameter of a detector as the published code does at start. Heads and feature
/// pyramid: detectron2's `c2_xavier` and `c2_msra`, and normal numbers with deviation 0.01
/// (proposals, classes) or 0.001 (boxes, masks). The encoder under a feature pyramid: Linear
/// weights normal with deviation 0.02, cut at 0.02, convolutions normal with the fan-in. Under a
/// simple pyramid: as `initialise_parameters`, and the pyramid's convolutions too. Tables of
/// relative positions are zero; a position table that is not trained is that of sines and cosines
/// (the published one is random, and never used as it is). A parameter's draws depend on the seed
/// and its own name alone.
void initialise_detector(torch::nn::Module& detector, const DetectorConfig& config,
                         std::uint64_t seed);

}  // namespace convmae
