#pragma once

#include "convmae/coco/dataset.h"
#include "convmae/data/objects/object_mask.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace convmae {

/// An object as its annotation has it, in pixels of the image as it is stored.
struct AnnotatedObject {
  coco::XywhBox box{};
  std::int64_t category = 0;  ///< index of the category
  std::variant<std::monostate, std::vector<Polygon>, coco::Rle> mask;
};

/// What training learns from an image of a dataset: objects that are no crowds, with the polygons
/// that can be drawn; without those of which no polygon is left. Throws UserError that names the
/// annotation for run lengths that are none or of another size than the image.
std::vector<AnnotatedObject> annotated_objects(const coco::Dataset& dataset, std::int64_t image);

}  // namespace convmae
