#pragma once

#include "convmae/golden/golden_file.h"
#include "convmae/model/config.h"

namespace convmae::golden {

/// The sizes in a golden file's config, published ones where it does not say.
ModelConfig model_config(const GoldenFile& file);

}  // namespace convmae::golden
