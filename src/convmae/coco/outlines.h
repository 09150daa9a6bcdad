#pragma once

#include "convmae/coco/rle.h"

#include <vector>

namespace convmae::coco {

/// A closed border of a mask.
struct Outline {
  /// x0, y0, x1, y1, ... in pixels, along their edges: each corner once, clockwise as one sees it,
  /// around a hole counterclockwise.
  std::vector<double> points;
  bool is_hole = false;
};

/// The borders of a mask. Pixels that touch at a corner alone are of two outlines. Drawn by
/// rle_from_polygon, those of a mask without holes give its pixels to the last, and so do those of
/// any mask where what is in two of them is taken out.
std::vector<Outline> outlines_of(const Rle& mask);

}  // namespace convmae::coco
