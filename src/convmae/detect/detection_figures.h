#pragma once

#include "convmae/coco/evaluation.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// One of COCO's twelve numbers in pycocotools' words.
struct StatName {
  const char* measure;
  const char* iou;
  const char* area;
  int detections;
};
extern const std::array<StatName, 12> kStatNames;

/// COCO's evaluation, and what it cost.
struct DetectionFigures {
  coco::Evaluation evaluation;
  std::array<double, 12> stats;
  double cpu_seconds;  ///< evaluate and accumulate, run lengths decoded
};

/// Of boxes and of masks; nothing where there are no detections, or no masks on one of both sides.
struct DetectionEvaluation {
  std::optional<DetectionFigures> boxes;
  std::optional<DetectionFigures> masks;
  // The same with all categories as one, if that was asked for.
  std::optional<DetectionFigures> class_agnostic_boxes{};
  std::optional<DetectionFigures> class_agnostic_masks{};
};

/// `area_of_box` as in coco::EvaluationOptions; `class_agnostic`: evaluate a second time with all
/// categories as one. Throws UserError for masks that are none.
DetectionEvaluation evaluate_detections(const coco::Dataset& truth, const coco::Results& results,
                                        bool area_of_box, bool class_agnostic = false);

/// How many objects of each category are to be found.
std::vector<std::int64_t> objects_by_category(const coco::Dataset& truth);

/// A number with three digits, "-" where there is nothing to average.
std::string three_digits(double value);
std::string three_digits(const std::optional<double>& value);

/// `bbox` and `segm`, null or each with `stats`, `per_category_ap` and `cpu_seconds`, and
/// `categories`; `class_agnostic` has `bbox` and `segm` of all categories as one, if there are any.
nlohmann::ordered_json figures_json(const DetectionEvaluation& figures, const coco::Dataset& truth);

}  // namespace convmae
