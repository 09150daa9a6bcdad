#include "convmae/detect/detection_figures.h"

#include "convmae/base/cpu_clock.h"
#include "convmae/report/format.h"

#include <utility>

namespace convmae {
namespace {

using FiguresJson = nlohmann::ordered_json;

DetectionFigures evaluate(const coco::Dataset& truth, const coco::Results& results,
                          const coco::EvaluationOptions& options) {
  const double begin = process_cpu_seconds();
  coco::Evaluation evaluation(truth, results, options);
  const std::array<double, 12> stats = evaluation.stats();
  return {std::move(evaluation), stats, process_cpu_seconds() - begin};
}

FiguresJson json_of(const std::optional<DetectionFigures>& figures) {
  if (!figures) return nullptr;
  FiguresJson aps = FiguresJson::array();
  for (std::size_t k = 0; k < figures->evaluation.categories(); ++k) {
    const std::optional<double> ap = figures->evaluation.category_ap(k);
    aps.push_back(ap ? FiguresJson(*ap) : FiguresJson());
  }
  return {
      {"stats", figures->stats}, {"per_category_ap", aps}, {"cpu_seconds", figures->cpu_seconds}};
}

}  // namespace

const std::array<StatName, 12> kStatNames{{{"AP", "0.50:0.95", "all", 100},
                                           {"AP", "0.50", "all", 100},
                                           {"AP", "0.75", "all", 100},
                                           {"AP", "0.50:0.95", "small", 100},
                                           {"AP", "0.50:0.95", "medium", 100},
                                           {"AP", "0.50:0.95", "large", 100},
                                           {"AR", "0.50:0.95", "all", 1},
                                           {"AR", "0.50:0.95", "all", 10},
                                           {"AR", "0.50:0.95", "all", 100},
                                           {"AR", "0.50:0.95", "small", 100},
                                           {"AR", "0.50:0.95", "medium", 100},
                                           {"AR", "0.50:0.95", "large", 100}}};

DetectionEvaluation evaluate_detections(const coco::Dataset& truth, const coco::Results& results,
                                        bool area_of_box, bool class_agnostic) {
  DetectionEvaluation found;
  if (results.detections().empty() && results.without_category() == 0) return found;
  const coco::EvaluationOptions boxes{coco::IouType::boxes, false};
  const coco::EvaluationOptions masks{coco::IouType::masks, area_of_box};
  const bool have_masks = truth.has_masks() && results.has_masks();
  const auto with_any = [&](coco::EvaluationOptions options) {
    options.class_agnostic = true;
    return evaluate(truth, results, options);
  };
  found.boxes.emplace(evaluate(truth, results, boxes));
  if (have_masks) found.masks.emplace(evaluate(truth, results, masks));
  if (class_agnostic) {
    found.class_agnostic_boxes.emplace(with_any(boxes));
    if (have_masks) found.class_agnostic_masks.emplace(with_any(masks));
  }
  return found;
}

std::vector<std::int64_t> objects_by_category(const coco::Dataset& truth) {
  std::vector<std::int64_t> objects(truth.categories().size());
  for (const coco::Annotation& annotation : truth.annotations()) {
    if (!annotation.crowd) ++objects[static_cast<std::size_t>(annotation.category)];
  }
  return objects;
}

std::string three_digits(double value) { return value < 0 ? "-" : format_fixed(value, 3); }

std::string three_digits(const std::optional<double>& value) {
  return three_digits(value.value_or(-1));
}

FiguresJson figures_json(const DetectionEvaluation& figures, const coco::Dataset& truth) {
  FiguresJson json{{"bbox", json_of(figures.boxes)}, {"segm", json_of(figures.masks)}};
  FiguresJson& categories = json["categories"] = FiguresJson::array();
  for (const coco::Category& category : truth.categories()) {
    categories.push_back({{"id", category.id}, {"name", category.name}});
  }
  if (figures.class_agnostic_boxes) {
    json["class_agnostic"] = {{"bbox", json_of(figures.class_agnostic_boxes)},
                              {"segm", json_of(figures.class_agnostic_masks)}};
  }
  return json;
}

}  // namespace convmae
