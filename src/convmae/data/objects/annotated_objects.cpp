#include "convmae/data/objects/annotated_objects.h"

#include "convmae/base/error.h"
#include "convmae/base/geometry.h"
#include "convmae/coco/training_selection.h"

#include <utility>

namespace convmae {
namespace {

coco::Rle runs_of(const coco::Dataset& dataset, const coco::Annotation& annotation, Size image) {
  const coco::MaskStore& masks = dataset.masks();
  const std::string name = "annotation " + std::to_string(annotation.id);
  const Size size = masks.rle_size(annotation.mask);
  if (size != image) {
    throw UserError("expected run lengths of the image's " + size_text(image) + " pixels in " +
                    name + ", found " + size_text(size) + ": mend the annotation");
  }
  try {
    return coco::rle_from_text(size, masks.text(annotation.mask));
  } catch (const UserError& error) {
    throw UserError(name + ": " + error.what());
  }
}

}  // namespace

std::vector<AnnotatedObject> annotated_objects(const coco::Dataset& dataset, std::int64_t image) {
  const Size size = dataset.images()[static_cast<std::size_t>(image)].size;
  std::vector<AnnotatedObject> objects;
  for (const coco::Annotation& annotation : dataset.annotations_of(image)) {
    if (annotation.crowd || !coco::is_usable(dataset, annotation)) continue;
    AnnotatedObject& object = objects.emplace_back();
    object.box = annotation.box;
    object.category = annotation.category;
    if (annotation.mask.has_polygons()) {
      object.mask = coco::usable_polygons(dataset, annotation);
    } else if (annotation.mask.is_rle()) {
      object.mask = runs_of(dataset, annotation, size);
    }
  }
  return objects;
}

}  // namespace convmae
