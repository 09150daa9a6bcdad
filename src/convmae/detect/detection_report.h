#pragma once

#include "convmae/coco/image_errors.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/annotated_images.h"
#include "convmae/detect/detection_figures.h"
#include "convmae/report/missing_fonts.h"
#include "convmae/train/run/run_context.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// What a report of detections on annotated images is of.
struct DetectionReportContext {
  std::string subtitle;
  /// What was evaluated: first the annotations, then model and data.
  NamedValues origin;
  /// All images of the dataset; null: there are no pictures.
  std::shared_ptr<const AnnotatedImages> images;
  DecodeOptions decode;  ///< of pictures
};

/// Of the files of an evaluation the one with the detections, which whoever detects writes.
inline constexpr const char* kDetectionsFile = "detections.json";

/// Throws UserError if an evaluation would replace in that directory what none has written, or
/// could not write there.
void require_evaluation_files(const std::filesystem::path& directory);

/// Writes into a directory, which is made if need be, `metrics.json` and `report.html`, a page with
/// COCO's numbers, curves of precision and recall of each category, and the images with the most
/// errors, by masks where there are some. Throws UserError if they cannot be written. Images that
/// cannot be read are not shown.
void write_evaluation_files(const std::filesystem::path& directory, const coco::Dataset& truth,
                            const coco::Results& results, const DetectionEvaluation& figures,
                            const DetectionReportContext& context, MissingFonts& missing);

}  // namespace convmae
