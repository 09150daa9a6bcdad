#pragma once

#include <cstdint>
#include <vector>

namespace convmae {

/// Where a batch stands in a run: all that a training pass draws for an image is a function of
/// seed, epoch and the image's position in the epoch.
struct BatchKey {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::vector<std::int64_t> positions;  ///< one an image
};

}  // namespace convmae
