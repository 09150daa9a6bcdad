#pragma once

#include "convmae/coco/rle.h"
#include "convmae/data/objects/geometry_plan.h"
#include "convmae/data/objects/object_mask.h"

#include <cstdint>
#include <vector>

namespace convmae {

/// Where the pixels of a mask come from under a plan, which takes rows and columns each for
/// themselves: -1 for padding. Sizes change as with Pillow's nearest neighbour.
class PixelMap {
 public:
  explicit PixelMap(const GeometryPlan& plan);

  /// What a mask on the plan's input becomes, in the smallest part that holds all its pixels.
  PixelMask move(const coco::Rle& mask) const;

 private:
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> columns_;
};

}  // namespace convmae
