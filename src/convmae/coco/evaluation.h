#pragma once

#include "convmae/coco/results.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace convmae::coco {

enum class IouType { boxes, masks };

/// What an evaluation is over, in pycocotools' order.
inline constexpr std::size_t kThresholds = 10;  ///< IoU from 0.5 to 0.95
inline constexpr std::size_t kRecalls = 101;    ///< recall from 0 to 1
inline constexpr std::size_t kAreas = 4;        ///< all, small, medium, large
inline constexpr std::size_t kLimits = 3;       ///< 1, 10, 100 detections an image and class
inline constexpr std::array<const char*, kAreas> kAreaNames{"all", "small", "medium", "large"};
inline constexpr std::array<std::int64_t, kLimits> kDetectionLimits{1, 10, 100};

struct EvaluationOptions {
  IouType type = IouType::boxes;
  /// For masks: the area of a detection is that of its box instead of its mask's, which decides
  /// whether one without a match counts for a range of areas. So does pycocotools where results
  /// have both; detectron2 takes the boxes out first.
  bool area_of_box = false;
  /// All categories are one: whether an object is found, whatever it is taken for. The evaluation
  /// has one category then, and its numbers are pycocotools' with `useCats = 0`.
  bool class_agnostic = false;
};

/// Precision, recall and scores of COCO's evaluation: -1 where there is nothing to find. The values
/// are pycocotools' to the bit.
class Evaluation {
 public:
  /// Throws UserError for masks that are none.
  Evaluation(const Dataset& truth, const Results& results, const EvaluationOptions& options);

  std::size_t categories() const { return categories_; }
  double precision(std::size_t threshold, std::size_t recall, std::size_t category,
                   std::size_t area, std::size_t limit) const {
    return precision_[curve(threshold, category, area, limit) * kRecalls + recall];
  }
  /// The score of the detection at which the recall is reached.
  double score(std::size_t threshold, std::size_t recall, std::size_t category, std::size_t area,
               std::size_t limit) const {
    return scores_[curve(threshold, category, area, limit) * kRecalls + recall];
  }
  double recall(std::size_t threshold, std::size_t category, std::size_t area,
                std::size_t limit) const {
    return recall_[curve(threshold, category, area, limit)];
  }

  /// COCO's twelve numbers: AP, AP50, AP75, AP of small, medium, large objects, AR with 1, 10, 100
  /// detections, AR of small, medium, large objects; -1 where nothing is to be averaged. The means
  /// are numpy's to the bit.
  std::array<double, 12> stats() const;
  /// The mean over thresholds and recalls; nothing for a category without objects.
  std::optional<double> category_ap(std::size_t category) const;
  /// The same at the one threshold of 0.5.
  std::optional<double> category_ap50(std::size_t category) const;
  /// The mean recall with 100 detections.
  std::optional<double> category_ar(std::size_t category) const;

 private:
  friend class Accumulation;
  std::size_t curve(std::size_t threshold, std::size_t category, std::size_t area,
                    std::size_t limit) const {
    return ((category * kAreas + area) * kLimits + limit) * kThresholds + threshold;
  }
  double mean_precision(std::size_t first, std::size_t last, std::size_t area) const;
  double mean_recall(std::size_t area, std::size_t limit) const;

  std::size_t categories_;
  // A curve is contiguous: [category][area][limit][threshold][recall].
  std::vector<double> precision_;
  std::vector<double> scores_;
  std::vector<double> recall_;
};

/// linspace(0.5, 0.95, 10) as numpy rounds it: the ninth is 0.8999999999999999.
std::array<double, kThresholds> iou_thresholds();
/// linspace(0, 1, 101).
std::array<double, kRecalls> recall_thresholds();

}  // namespace convmae::coco
