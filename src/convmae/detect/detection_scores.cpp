#include "convmae/detect/detection_scores.h"

#include "convmae/coco/evaluation.h"
#include "convmae/detect/detector_inference.h"
#include "convmae/detect/line_gatherer.h"
#include "convmae/report/format.h"
#include "convmae/train/batches.h"

#include <utility>

namespace convmae {
namespace {

/// Those of the twelve numbers that a run keeps.
struct KeptStat {
  const char* name;
  std::size_t index;
};
constexpr std::array<KeptStat, 7> kKept{{{"ap", 0},
                                         {"ap50", 1},
                                         {"ap75", 2},
                                         {"ap_small", 3},
                                         {"ap_medium", 4},
                                         {"ap_large", 5},
                                         {"ar100", 8}}};

void add_values(const std::string& what, const DetectionScores::Stats& stats,
                nlohmann::ordered_json& values) {
  for (const auto& [name, index] : kKept) {
    if (stats[index] >= 0) values[what + "_" + name] = 100 * stats[index];
  }
}

std::string text_of(const char* what, const DetectionScores::Stats& stats) {
  const auto percent = [](double share) {
    return share < 0 ? "none" : format_fixed(100 * share, 1);
  };
  return std::string(what) + " AP " + percent(stats[0]) + " (AP50 " + percent(stats[1]) + ")";
}

}  // namespace

std::optional<double> DetectionScores::score(const std::string& name) const {
  const Stats* const stats = name == "mask_ap" ? (masks ? &*masks : nullptr) : &boxes;
  if (stats == nullptr || stats->front() < 0) return std::nullopt;
  return stats->front();
}

nlohmann::ordered_json DetectionScores::values() const {
  nlohmann::ordered_json values;
  add_values("box", boxes, values);
  if (masks) add_values("mask", *masks, values);
  return values;
}

std::string DetectionScores::text() const {
  return text_of("box", boxes) + (masks ? "  " + text_of("mask", *masks) : "");
}

DetectionScores evaluate_held_out(Run& run, const DetectOptions& options,
                                  const DetectionImages& images, Detector& detector) {
  const AnnotatedImages& held_out = *images.held_out;
  const coco::Dataset& truth = held_out.dataset();
  Compute compute = run.compute();
  compute.type = at::kFloat;  // as published: less precision is for training alone
  const DetectorInput input{test_recipe(detector.config()), preprocessing_of(options), compute};
  const ImageReading reading = run.reading_of_all(held_out.size(), "held-out images");
  coco::Results results;
  LineGatherer lines(reading, [&](const coco::ResultLine& line) { results.add(line, truth); });
  detect_annotated(detector, input, images.held_out, reading, [&](const FoundImage& found) {
    const std::int64_t id = held_out.record(found.sample).id;
    for (const coco::ResultLine& line : result_lines(found, id, images.matched.ids)) {
      lines.add(line);
    }
  });
  lines.finish();
  const auto stats_of = [&](coco::IouType type) {
    return coco::Evaluation(truth, results, {.type = type}).stats();
  };
  DetectionScores scores;
  scores.boxes = stats_of(coco::IouType::boxes);
  if (detector.config().roi.masks && truth.has_masks()) {
    scores.masks = stats_of(coco::IouType::masks);
  }
  return scores;
}

}  // namespace convmae
