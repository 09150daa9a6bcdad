#pragma once

#include "convmae/coco/rle.h"

#include <span>

namespace convmae::coco {

/// Whether a coordinate is finite and at most ten million pixels away: others are refused.
constexpr bool is_near(double coordinate) {
  constexpr double kFarthest = 1e7;
  return coordinate >= -kFarthest && coordinate <= kFarthest;
}

/// The mask of one polygon, `coordinates` x0, y0, x1, y1, ... in pixels (a last x without y is left
/// out), pixel for pixel as pycocotools draws it: corners at a fifth of a pixel, even-odd rule.
/// Takes time in proportion to the columns that the edges cross. Throws UserError for coordinates
/// that are not near, for less than one point and for edges that cross too many columns.
Rle rle_from_polygon(Size size, std::span<const double> coordinates);

/// The mask of a box, drawn as the polygon of its corners.
Rle rle_from_box(Size size, const XywhBox& box);

/// Whether training keeps a polygon: an even number of coordinates, at least three points.
constexpr bool is_drawable(std::size_t coordinates) {
  return coordinates % 2 == 0 && coordinates >= 6;
}

}  // namespace convmae::coco
