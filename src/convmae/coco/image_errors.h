#pragma once

#include "convmae/coco/evaluation.h"

#include <cstdint>
#include <vector>

namespace convmae::coco {

/// What detections of at least some score get right and wrong in an image, at an IoU of 0.5.
struct ImageErrors {
  std::int64_t objects = 0;  ///< that are to be found: no crowds
  std::int64_t found = 0;    ///< of them
  std::int64_t wrong = 0;    ///< detections of no object, or of one that another has found

  std::int64_t missed() const { return objects - found; }
  std::int64_t total() const { return missed() + wrong; }
};

/// The errors of all images at one score.
struct ErrorCount {
  /// The score from which detections count: where precision and recall of all images together are
  /// best balanced (the largest F1); 1 if nothing is found at any.
  double score = 1;
  ImageErrors all;
  std::vector<ImageErrors> images;  ///< by the dataset's images

  double precision() const;  ///< 0 without detections
  double recall() const;     ///< 0 without objects
  double f1() const;
};

/// Counts with the matches of COCO's evaluation, which takes at most 100 detections of an image and
/// category. Throws UserError for masks that are none.
ErrorCount count_errors(const Dataset& truth, const Results& results,
                        const EvaluationOptions& options);

}  // namespace convmae::coco
