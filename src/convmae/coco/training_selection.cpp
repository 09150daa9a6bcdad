#include "convmae/coco/training_selection.h"

#include "convmae/coco/polygon.h"

#include <algorithm>

namespace convmae::coco {
namespace {

std::int64_t count_undrawable(const Dataset& dataset, const Annotation& annotation) {
  return std::ranges::count_if(dataset.masks().polygon_sizes(annotation.mask),
                               [](std::uint32_t size) { return !is_drawable(size); });
}

}  // namespace

bool is_usable(const Dataset& dataset, const Annotation& annotation) {
  return !annotation.mask.has_polygons() ||
         count_undrawable(dataset, annotation) < std::int64_t{annotation.mask.polygons};
}

std::vector<std::vector<double>> usable_polygons(const Dataset& dataset,
                                                 const Annotation& annotation) {
  std::vector<std::vector<double>> polygons = dataset.masks().polygons(annotation.mask);
  std::erase_if(polygons, [](const auto& polygon) { return !is_drawable(polygon.size()); });
  return polygons;
}

TrainingSelection select_for_training(const Dataset& dataset, bool keep_empty) {
  TrainingSelection selection;
  for (std::size_t i = 0; i < dataset.images().size(); ++i) {
    bool has_object = false;
    for (const Annotation& annotation : dataset.annotations_of(static_cast<std::int64_t>(i))) {
      const bool usable = is_usable(dataset, annotation);
      selection.polygons_dropped += count_undrawable(dataset, annotation);
      if (!usable) ++selection.annotations_dropped;
      if (annotation.crowd) ++selection.crowds;
      has_object = has_object || (usable && !annotation.crowd);
    }
    if (has_object || keep_empty) {
      selection.images.push_back(static_cast<std::int32_t>(i));
    } else {
      ++selection.images_without_objects;
    }
  }
  return selection;
}

std::string TrainingSelection::left_out() const {
  std::string text;
  const auto add = [&](std::int64_t count, const char* one, const char* many) {
    if (count == 0) return;
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + " " + (count == 1 ? one : many);
  };
  add(images_without_objects, "image without objects", "images without objects");
  add(crowds, "crowd", "crowds");
  add(polygons_dropped, "polygon of less than three points or half a point",
      "polygons of less than three points or half a point");
  add(annotations_dropped, "object without another polygon", "objects without another polygon");
  return text;
}

}  // namespace convmae::coco
