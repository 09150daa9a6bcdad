#pragma once

#include "convmae/data/image.h"

#include <cstdint>
#include <variant>
#include <vector>

namespace convmae {

/// x0, y0, x1, y1, ... in pixels of an image, whose first pixel has its centre at (0.5, 0.5).
using Polygon = std::vector<double>;

/// The pixels of a mask in a part of its image; outside of it there are none.
struct PixelMask {
  Box part;
  std::vector<std::uint8_t> pixels;  ///< [part.height, part.width], 0 or 1

  bool operator==(const PixelMask&) const = default;
};

/// What an object covers: polygons, pixels, or nothing that is known.
using ObjectMask = std::variant<std::monostate, std::vector<Polygon>, PixelMask>;

/// The whole mask, [image.height, image.width], 0 or 1: polygons as pycocotools draws them, their
/// union. Throws UserError for points that are too far away.
std::vector<std::uint8_t> draw_mask(const ObjectMask& mask, Size image);

}  // namespace convmae
