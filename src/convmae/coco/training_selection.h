#pragma once

#include "convmae/coco/dataset.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae::coco {

/// What training takes of a dataset, as detectron2 does: images with an object that is no crowd,
/// or all of them where empty ones are to be kept. Polygons with an odd number of coordinates or
/// less than three points are dropped, and objects of which no polygon is left.
struct TrainingSelection {
  std::vector<std::int32_t> images;         ///< indices, ascending
  std::int64_t images_without_objects = 0;  ///< that are left out
  std::int64_t crowds = 0;
  std::int64_t polygons_dropped = 0;
  std::int64_t annotations_dropped = 0;  ///< with their last polygon

  /// What training leaves out, on one line; empty if it takes all.
  std::string left_out() const;
};

TrainingSelection select_for_training(const Dataset& dataset, bool keep_empty = false);

/// Whether an annotation has a polygon that can be drawn, or a mask of another kind, or none.
bool is_usable(const Dataset& dataset, const Annotation& annotation);
/// The polygons of an annotation that can be drawn.
std::vector<std::vector<double>> usable_polygons(const Dataset& dataset,
                                                 const Annotation& annotation);

}  // namespace convmae::coco
