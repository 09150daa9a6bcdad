#pragma once

#include "convmae/model/config.h"

#include <torch/nn/module.h>

#include "golden/replay/golden_file.h"

namespace convmae::golden {

/// A side, or height and width.
Size size_of(const Json& json);

/// The encoder of a detector or segmentor whose images have that size.
EncoderConfig encoder_of(const Json& config, const Json& img_size);

/// Fills parameters and statistics, all of which the file must have.
void load_state(const GoldenFile& file, torch::nn::Module& module);

}  // namespace convmae::golden
