#pragma once

#include "convmae/data/objects/object_mask.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace convmae {

/// What an image shows, in pixels of the network's input.
struct ObjectTargets {
  at::Tensor boxes;               ///< [G, 4] float32: x1, y1, x2, y2, each with an area
  at::Tensor classes;             ///< [G] int64
  std::vector<ObjectMask> masks;  ///< one an object, or none at all
};

/// An image without objects.
ObjectTargets no_objects();

}  // namespace convmae
