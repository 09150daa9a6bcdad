#pragma once

#include "convmae/data/objects/annotated_objects.h"
#include "convmae/data/objects/geometry_plan.h"
#include "convmae/data/objects/polygon_crop.h"
#include "convmae/data/sample.h"

#include <array>
#include <cstdint>
#include <vector>

namespace convmae {

/// x1, y1, x2, y2 in pixels, in the float32 that matching compares to the bit.
using Corners = std::array<float, 4>;

struct MovedObject {
  Corners moved{};  ///< the annotation's box after the plan, within the image
  /// The box to learn: around what is left of the mask where there is one, else `moved`.
  Corners box{};
  std::int64_t category = 0;
  ObjectMask mask;
  /// Whether training keeps it: its box has two sides above 1e-5, and its mask a polygon or pixel.
  bool is_kept = false;
};

/// Takes the objects of images through plans, as detectron2 does: polygons point by point and cut
/// by PolygonCropper wherever the plan crops, pixels as Pillow's nearest neighbour, boxes by their
/// corners. One a thread.
class ObjectMover {
 public:
  /// `objects` of an image of `plan.input`; the results are in the same order. Throws UserError for
  /// polygons that cannot be cut.
  std::vector<MovedObject> move(std::vector<AnnotatedObject> objects,
                                const GeometryPlan& plan) const;

 private:
  void move_polygons(std::vector<Polygon>& polygons, const GeometryPlan& plan) const;

  PolygonCropper cropper_;
};

/// Those that are kept.
Objects kept_objects(std::vector<MovedObject> moved);

}  // namespace convmae
