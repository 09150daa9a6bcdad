#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/coco/results.h"
#include "convmae/data/objects/geometry_plan.h"
#include "convmae/data/sources/annotated_images.h"
#include "convmae/detect/detector.h"
#include "convmae/model/compute.h"
#include "convmae/train/batches.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace convmae {

/// How an image that is tested becomes the network's input: with grey on the right and below where
/// boxes come back by one factor, as in the first published detector, else without.
GeometryRecipe test_recipe(const DetectorConfig& config);

/// How images become a detector's input, and where it computes.
struct DetectorInput {
  GeometryRecipe recipe;
  Preprocessing preprocessing;
  Compute compute;
};

/// An object in an image, in pixels of the upright image.
struct FoundObject {
  coco::XywhBox box{};
  std::int64_t category = 0;  ///< the detector's class
  double score = 0;
  std::optional<coco::Rle> mask;  ///< nothing without a mask head
};

/// What a detector found in an image.
struct FoundImage {
  std::int64_t sample = 0;           ///< its number in the source
  Size size;                         ///< upright
  std::vector<FoundObject> objects;  ///< best first
};

using FoundImageSink = std::function<void(const FoundImage&)>;

/// Finds objects in every image of a source, or of this process's share, and hands over image by
/// image, in the source's order; what is in memory does not depend on their number. Masks become
/// run lengths one after the other. `detector` is placed (model/compute.h), may be in training
/// mode, and is in that mode again afterwards. Images that cannot be used are left out or end it,
/// as `reading` says; its `decode` has its number of channels from the preprocessing. Throws
/// UserError as BatchQueue does.
void detect_images(Detector& detector, const DetectorInput& input,
                   const std::shared_ptr<const ImageSource>& source, const ImageReading& reading,
                   const FoundImageSink& sink);
/// The same; an image whose size is not the one that its annotations say cannot be used.
void detect_annotated(Detector& detector, const DetectorInput& input,
                      const std::shared_ptr<const AnnotatedImages>& images,
                      const ImageReading& reading, const FoundImageSink& sink);

/// What was found in an image as lines of a results file, best first. `category_ids` has the id of
/// each of the detector's classes; objects of a class that has none are left out.
std::vector<coco::ResultLine> result_lines(
    const FoundImage& found, std::int64_t image_id,
    std::span<const std::optional<std::int64_t>> category_ids);

}  // namespace convmae
