#pragma once

#include "convmae/data/sources/annotated_images.h"
#include "convmae/detect/category_match.h"
#include "convmae/detect/detect_options.h"

#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// What a detector is trained and tested on.
struct DetectionImages {
  std::shared_ptr<const AnnotatedImages> training;
  std::string digest;                               ///< of what is said of the training images
  bool has_masks = false;                           ///< whether any of their objects has one
  std::int64_t unmasked = 0;                        ///< objects without one
  std::shared_ptr<const AnnotatedImages> held_out;  ///< null if the options name none
  std::string held_out_digest;
  CategoryMatch matched;  ///< which categories of theirs the detector's classes are

  /// What the detector's classes are.
  const std::vector<coco::Category>& categories() const { return training->dataset().categories(); }
};

/// Opens both sets and says what they hold. Throws UserError as Dataset::read, AnnotatedImages and
/// match_categories do.
DetectionImages open_detection_images(const DetectOptions& options);

/// A digest of the annotations of images: sizes, categories, boxes and, as far as it costs little,
/// masks.
std::string annotations_digest(const AnnotatedImages& images);

}  // namespace convmae
