#pragma once

#include "convmae/data/objects/object_mask.h"

#include <memory>
#include <vector>

namespace convmae {

/// Cuts polygons with GEOS, as detectron2 does with shapely: each is made valid first (a buffer of
/// width 0), by which one that crosses itself may lose a part, and holes are lost. One a thread.
class PolygonCropper {
 public:
  PolygonCropper();
  PolygonCropper(const PolygonCropper&) = delete;
  PolygonCropper& operator=(const PolygonCropper&) = delete;
  ~PolygonCropper();

  /// What lies within the box of each polygon of at least three points, in the same coordinates:
  /// none, one or several polygons, beginning at any point. Throws UserError for what GEOS cannot
  /// cut.
  std::vector<Polygon> crop(const std::vector<Polygon>& polygons, const Box& box) const;

 private:
  class Context;
  std::unique_ptr<Context> context_;
};

}  // namespace convmae
