#pragma once

#include "convmae/train/batches.h"

#include <cstdint>

namespace convmae {

/// How a queue delivers every one of that many images once, in their source's order.
LoaderConfig single_pass(const ImageReading& reading, std::int64_t images);

}  // namespace convmae
