#include "convmae/coco/matching.h"

#include "convmae/coco/detection_order.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace convmae::coco {
namespace {

struct AreaRange {
  double from;
  double to;
  /// Both ends belong to the range.
  bool has(double area) const { return !(area < from || area > to); }
};

constexpr std::array<AreaRange, kAreas> kAreaRanges{AreaRange{0, 1e10}, AreaRange{0, 32 * 32},
                                                    AreaRange{32 * 32, 96 * 96},
                                                    AreaRange{96 * 96, 1e10}};

constexpr auto kMostDetections = static_cast<std::size_t>(kDetectionLimits.back());

/// The detections and the objects of one class in one image. Objects are in the order of the file,
/// detections by descending score.
struct Cell {
  std::span<const std::uint32_t> objects;
  std::span<const std::uint32_t> detections;
  std::size_t category;
};

class Matcher {
 public:
  Matcher(const Dataset& truth, const Results& results, const EvaluationOptions& options)
      : truth_(truth),
        results_(results),
        options_(options),
        categories_(options.class_agnostic ? 1 : truth.categories().size()),
        thresholds_(iou_thresholds()) {
    matching_.outcomes.resize(results.detections().size());
    matching_.objects.assign(categories_, {});
  }

  Matching run() {
    const std::vector<Annotation>& annotations = truth_.annotations();
    const std::vector<Detection>& detections = results_.detections();
    const std::size_t images = truth_.images().size();
    const auto category_of_detection = [&](std::uint32_t i) {
      return category_of(detections[i].category);
    };
    const auto image_of_detection = [&](std::uint32_t i) {
      return static_cast<std::size_t>(detections[i].image);
    };
    Buckets ranked =
        sort_into_buckets(in_order_of_category(detections), images, image_of_detection);
    const std::vector<std::uint32_t> sorted = by_score(ranked.order, detections);
    ranked = sort_into_buckets(sorted, categories_, category_of_detection);
    const Buckets by_image = sort_into_buckets(sorted, images, image_of_detection);
    const Buckets found = sort_into_buckets(by_image.order, categories_, category_of_detection);
    const Buckets objects_by_image = sort_into_buckets(
        in_order_of_category(annotations), images,
        [&](std::uint32_t i) { return static_cast<std::size_t>(annotations[i].image); });
    const Buckets objects =
        sort_into_buckets(objects_by_image.order, categories_,
                          [&](std::uint32_t i) { return category_of(annotations[i].category); });
    for (std::size_t category = 0; category < categories_; ++category) {
      match_category(category, part(objects, category), part(found, category));
    }
    matching_.ranked = std::move(ranked.order);
    matching_.begins = std::move(ranked.begins);
    return std::move(matching_);
  }

 private:
  std::size_t category_of(std::int32_t category) const {
    return options_.class_agnostic ? 0 : static_cast<std::size_t>(category);
  }

  /// All records, in their order; where all categories are one, category after category, as
  /// pycocotools has them then.
  template <typename Records>
  std::vector<std::uint32_t> in_order_of_category(const Records& records) const {
    std::vector<std::uint32_t> indices = first_indices(records.size());
    if (!options_.class_agnostic) return indices;
    return sort_into_buckets(
               indices, truth_.categories().size(),
               [&](std::uint32_t i) { return static_cast<std::size_t>(records[i].category); })
        .order;
  }

  static std::span<const std::uint32_t> part(const Buckets& buckets, std::size_t value) {
    const std::size_t begin = buckets.begins[value];
    return std::span(buckets.order).subspan(begin, buckets.begins[value + 1] - begin);
  }

  /// Cuts what is of the image off the beginning of `indices`.
  template <typename Records>
  static std::span<const std::uint32_t> take_image(std::span<const std::uint32_t>& indices,
                                                   const Records& records, std::int32_t image) {
    std::size_t count = 0;
    while (count < indices.size() && records[indices[count]].image == image) ++count;
    const std::span<const std::uint32_t> taken = indices.first(count);
    indices = indices.subspan(count);
    return taken;
  }

  void match_category(std::size_t category, std::span<const std::uint32_t> objects,
                      std::span<const std::uint32_t> found) {
    const std::vector<Annotation>& annotations = truth_.annotations();
    const std::vector<Detection>& detections = results_.detections();
    while (!objects.empty() || !found.empty()) {
      std::int32_t image =
          objects.empty() ? detections[found[0]].image : annotations[objects[0]].image;
      if (!found.empty()) image = std::min(image, detections[found[0]].image);
      Cell cell{take_image(objects, annotations, image), take_image(found, detections, image),
                category};
      if (cell.detections.size() > kMostDetections) {
        cell.detections = cell.detections.first(kMostDetections);
      }
      match_cell(cell);
    }
  }

  void match_cell(const Cell& cell) {
    begin_objects(cell);
    overlapping_.clear();
    ious_.clear();
    for (std::size_t rank = 0; rank < cell.detections.size(); ++rank) {
      const std::uint32_t index = cell.detections[rank];
      const Detection& detection = results_.detections()[index];
      const double area = begin_detection(detection);
      Outcome& outcome = matching_.outcomes[index];
      outcome.rank = static_cast<std::uint8_t>(rank);
      for (std::size_t a = 0; a < kAreas; ++a) {
        outcome.ignored[a] = kAreaRanges[a].has(area) ? 0 : Outcome::kAll;
      }
      if (compute_ious(detection, cell)) overlapping_.push_back(index);
    }
    for (std::size_t a = 0; a < kAreas; ++a) match_area(cell, a);
  }

  void begin_objects(const Cell& cell) {
    const bool draws = options_.type == IouType::masks && !cell.detections.empty();
    if (draws && masks_.size() < cell.objects.size()) masks_.resize(cell.objects.size());
    for (std::size_t i = 0; draws && i < cell.objects.size(); ++i) {
      const Annotation& object = truth_.annotations()[cell.objects[i]];
      Mask& mask = masks_[i];
      truth_.masks().draw(object.mask, image_size(object.image), mask.rle);
      mask.measure();
    }
  }

  Size image_size(std::int32_t image) const {
    return truth_.images()[static_cast<std::size_t>(image)].size;
  }

  /// Returns the detection's area; for masks it also decodes the mask.
  double begin_detection(const Detection& detection) {
    const double box_area = detection.box[2] * detection.box[3];
    if (options_.type == IouType::boxes) return box_area;
    results_.masks().draw(detection.mask, image_size(detection.image), detected_.rle);
    detected_.area = rle_area(detected_.rle);
    return options_.area_of_box ? box_area : static_cast<double>(detected_.area);
  }

  /// Appends a row of IoUs to `ious_` and returns true, if one of them may be a match.
  bool compute_ious(const Detection& detection, const Cell& cell) {
    if (cell.objects.empty()) return false;
    const std::size_t begin = ious_.size();
    bool matches = false;
    if (options_.type == IouType::masks) detected_.box = rle_box(detected_.rle);
    for (std::size_t i = 0; i < cell.objects.size(); ++i) {
      const Annotation& object = truth_.annotations()[cell.objects[i]];
      const double iou = options_.type == IouType::boxes
                             ? box_iou(detection.box, object.box, object.crowd)
                             : mask_iou(masks_[i], object.crowd);
      ious_.push_back(iou);
      matches = matches || iou >= thresholds_[0];
    }
    if (!matches) ious_.resize(begin);
    return matches;
  }

  struct Mask {
    Rle rle;
    std::int64_t area = 0;
    XywhBox box{};
    void measure() {
      area = rle_area(rle);
      box = rle_box(rle);
    }
  };

  /// The IoU of the mask of the detection and that of an object; 0 where it is too small for a
  /// match.
  double mask_iou(const Mask& object, bool crowd) const {
    const double width =
        std::min(detected_.box[0] + detected_.box[2], object.box[0] + object.box[2]) -
        std::max(detected_.box[0], object.box[0]);
    const double height =
        std::min(detected_.box[1] + detected_.box[3], object.box[1] + object.box[3]) -
        std::max(detected_.box[1], object.box[1]);
    if (width <= 0 || height <= 0 || detected_.rle.size != object.rle.size) return 0;
    const auto iou_of = [&](double common) {
      const auto area = static_cast<double>(detected_.area);
      return common / (crowd ? area : area + static_cast<double>(object.area) - common);
    };
    // Walking over the runs takes most of the time: not where even all could not be enough.
    const double most = std::min(
        {width * height, static_cast<double>(detected_.area), static_cast<double>(object.area)});
    if (iou_of(most) < thresholds_[0]) return 0;
    const std::int64_t common = rle_intersection(detected_.rle, object.rle);
    return common == 0 ? 0 : iou_of(static_cast<double>(common));
  }

  void match_area(const Cell& cell, std::size_t area) {
    const std::size_t count = cell.objects.size();
    order_.clear();
    ignored_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Annotation& object = truth_.annotations()[cell.objects[i]];
      const bool ignored = object.crowd || !kAreaRanges[area].has(object.area);
      ignored_[i] = ignored ? 1 : 0;
      if (!ignored) order_.push_back(i);
    }
    matching_.objects[cell.category][area] += static_cast<std::int64_t>(order_.size());
    if (overlapping_.empty()) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (ignored_[i] != 0) order_.push_back(i);
    }
    for (std::size_t t = 0; t < kThresholds; ++t) match_threshold(cell, area, t);
  }

  void match_threshold(const Cell& cell, std::size_t area, std::size_t threshold) {
    constexpr auto kNone = static_cast<std::size_t>(-1);
    const std::size_t count = cell.objects.size();
    const auto bit = static_cast<std::uint16_t>(1U << threshold);
    taken_.assign(count, 0);
    for (std::size_t d = 0; d < overlapping_.size(); ++d) {
      const double* const ious = &ious_[d * count];
      double best = std::min(thresholds_[threshold], 1 - 1e-10);
      std::size_t match = kNone;
      for (const std::size_t i : order_) {
        if (taken_[i] != 0 && !truth_.annotations()[cell.objects[i]].crowd) continue;
        // From here on all are ignored.
        if (match != kNone && ignored_[match] == 0 && ignored_[i] != 0) break;
        if (ious[i] < best) continue;
        best = ious[i];
        match = i;
      }
      if (match == kNone) continue;
      taken_[match] = 1;
      Outcome& outcome = matching_.outcomes[overlapping_[d]];
      outcome.matched[area] |= bit;
      if (ignored_[match] != 0) {
        outcome.ignored[area] |= bit;
      } else {
        outcome.ignored[area] &= static_cast<std::uint16_t>(~bit);
      }
    }
  }

  const Dataset& truth_;
  const Results& results_;
  EvaluationOptions options_;
  std::size_t categories_;
  std::array<double, kThresholds> thresholds_;
  Matching matching_;
  // Of the cell that is matched; kept for their memory.
  std::vector<Mask> masks_;
  Mask detected_;
  std::vector<double> ious_;                ///< a row for each of `overlapping_`
  std::vector<std::uint32_t> overlapping_;  ///< detections with a match, by descending score
  std::vector<std::size_t> order_;          ///< objects, ignored ones last
  std::vector<char> ignored_;
  std::vector<char> taken_;
};

}  // namespace

Matching match(const Dataset& truth, const Results& results, const EvaluationOptions& options) {
  return Matcher(truth, results, options).run();
}

}  // namespace convmae::coco
