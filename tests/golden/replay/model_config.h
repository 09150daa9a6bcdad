#pragma once

#include "convmae/model/config.h"

#include "golden/replay/golden_file.h"

namespace convmae::golden {

/// The sizes in a golden file's config, published ones where it does not say.
ModelConfig model_config(const GoldenFile& file);

}  // namespace convmae::golden
