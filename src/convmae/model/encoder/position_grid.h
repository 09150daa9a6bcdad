#pragma once

#include "convmae/base/geometry.h"

#include <cmath>
#include <cstdint>
#include <optional>

namespace convmae {

/// Distances between two places of a grid, h by w: the rows (2h-1)(2w-1) of a table of relative
/// positions.
inline std::int64_t relative_distances(Size grid) {
  return (2 * grid.height - 1) * (2 * grid.width - 1);
}

/// The square grid of so many places; nothing if there is none.
inline std::optional<Size> square_grid_of_places(std::int64_t places) {
  // What a file says may be anything; the square of what is beyond this is beyond 64 bits.
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  if (places < 1 || places > kMost) return std::nullopt;
  const auto side = std::llround(std::sqrt(static_cast<double>(places)));
  if (side * side != places) return std::nullopt;
  return Size{side, side};
}

/// The square grid that has so many distances; nothing if there is none.
inline std::optional<Size> square_grid_of_distances(std::int64_t distances) {
  const std::optional<Size> all = square_grid_of_places(distances);
  if (!all || all->height % 2 == 0) return std::nullopt;
  return Size{(all->height + 1) / 2, (all->width + 1) / 2};
}

}  // namespace convmae
