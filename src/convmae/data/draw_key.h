#pragma once

#include <cstdint>

namespace convmae {

/// Where a sample stands in a run: every random draw that it needs is a function of this.
/// `index` is its position in the global order of the epoch.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint64_t index = 0;
};

}  // namespace convmae
