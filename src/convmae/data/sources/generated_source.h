#pragma once

#include "convmae/base/geometry.h"
#include "convmae/data/sources/source.h"

#include <cstdint>
#include <memory>

namespace convmae {

/// JPEGs in memory with the statistics of photographs (about as much detail at every scale), for
/// measurements that must not depend on files. The same seed gives the same images.
std::unique_ptr<ImageSource> generate_photos(std::int64_t count, Size size, int quality,
                                             std::uint64_t seed);

}  // namespace convmae
