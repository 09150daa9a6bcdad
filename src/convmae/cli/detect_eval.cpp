#include "convmae/base/cpu_clock.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/option_table.h"
#include "convmae/coco/evaluation.h"
#include "convmae/io/atomic_file.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace convmae {
namespace {

/// The twelve numbers in pycocotools' words.
struct StatName {
  const char* measure;
  const char* iou;
  const char* area;
  int detections;
};

constexpr std::array<StatName, 12> kStatNames{{{"AP", "0.50:0.95", "all", 100},
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

struct Evaluated {
  coco::Evaluation evaluation;
  std::array<double, 12> stats;
  double cpu_seconds;
};

Evaluated evaluate_results(const coco::Dataset& truth, const coco::Results& results,
                           const coco::EvaluationOptions& options) {
  const double begin = process_cpu_seconds();
  coco::Evaluation evaluation(truth, results, options);
  const std::array<double, 12> stats = evaluation.stats();
  return {std::move(evaluation), stats, process_cpu_seconds() - begin};
}

nlohmann::ordered_json figures_json(const Evaluated& evaluated) {
  nlohmann::ordered_json aps = nlohmann::ordered_json::array();
  for (std::size_t k = 0; k < evaluated.evaluation.categories(); ++k) {
    const std::optional<double> ap = evaluated.evaluation.category_ap(k);
    aps.push_back(ap ? nlohmann::ordered_json(*ap) : nlohmann::ordered_json());
  }
  return {
      {"stats", evaluated.stats}, {"per_category_ap", aps}, {"cpu_seconds", evaluated.cpu_seconds}};
}

/// A number with three digits, "-" where there is nothing to average.
std::string three_digits(double value) {
  if (value < 0) return "-";
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

void print_stats(const char* title, const Evaluated& evaluated) {
  std::printf("\n%s, %.3f CPU s\n", title, evaluated.cpu_seconds);
  for (std::size_t i = 0; i < kStatNames.size(); ++i) {
    const StatName& name = kStatNames[i];
    std::printf("  %s @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %s\n", name.measure, name.iou,
                name.area, name.detections, three_digits(evaluated.stats[i]).c_str());
  }
}

void print_categories(const coco::Dataset& truth, const Evaluated& boxes,
                      const std::optional<Evaluated>& masks) {
  constexpr std::size_t kLongestName = 30;
  std::printf("\n%-12s %-*s %7s %8s %8s %8s", "category_id", static_cast<int>(kLongestName), "name",
              "objects", "box AP", "box AP50", "box AR");
  if (masks) std::printf(" %8s %9s %8s", "mask AP", "mask AP50", "mask AR");
  std::printf("\n");
  std::vector<std::int64_t> objects(truth.categories().size());
  for (const coco::Annotation& annotation : truth.annotations()) {
    if (!annotation.crowd) ++objects[static_cast<std::size_t>(annotation.category)];
  }
  for (std::size_t k = 0; k < objects.size(); ++k) {
    const coco::Category& category = truth.categories()[k];
    const auto text = [&](const std::optional<double>& value) {
      return three_digits(value.value_or(-1));
    };
    const coco::Evaluation& box = boxes.evaluation;
    std::printf("%-12lld %-*s %7lld %8s %8s %8s", static_cast<long long>(category.id),
                static_cast<int>(kLongestName), brief(category.name, kLongestName).c_str(),
                static_cast<long long>(objects[k]), text(box.category_ap(k)).c_str(),
                text(box.category_ap50(k)).c_str(), text(box.category_ar(k)).c_str());
    if (masks) {
      const coco::Evaluation& mask = masks->evaluation;
      std::printf(" %8s %9s %8s", text(mask.category_ap(k)).c_str(),
                  text(mask.category_ap50(k)).c_str(), text(mask.category_ar(k)).c_str());
    }
    std::printf("\n");
  }
}

void print_count(std::int64_t count, const char* of_what) {
  if (count > 0) std::printf("%lld %s\n", static_cast<long long>(count), of_what);
}

class DetectEvalCommand {
 public:
  explicit DetectEvalCommand(CLI::App& command) : table_(command) {
    table_.group("Files");
    table_.add("results", results_, "Detections in COCO's results format, a JSON list")->required();
    table_.add("annotations", annotations_, "What is to be found, in COCO's JSON format")
        ->required();
    table_.add_command_line_only("json", json_, "File to write the figures to, as JSON");
    table_.group("Evaluation");
    table_.add(
        "area_of_box", area_of_box_,
        "Masks: sizes of false detections go by their boxes, as in pycocotools where results "
        "have both; else by the masks, as in detectron2");
    table_.add_command_line_only("load_only", load_only_, "Read both files and end");
  }

  void run() {
    if (!json_.empty()) require_writable(json_);
    const coco::Dataset truth = coco::Dataset::read(annotations_);
    const coco::Results results = coco::Results::read(results_, truth);
    std::printf("%zu images, %zu annotations of %zu categories, %zu detections\n",
                truth.images().size(), truth.annotations().size(), truth.categories().size(),
                results.detections().size());
    print_count(truth.without_image(),
                "annotations of images that are not in the list are left out");
    print_count(truth.without_category(),
                "annotations of categories that are not in the list are left out");
    print_count(truth.without_area(), "annotations have no area: that of the box is taken");
    print_count(results.without_category(),
                "detections of categories that the annotations do not have are left out");
    if (load_only_) return;
    if (results.detections().empty() && results.without_category() == 0) {
      std::printf("there are no detections in %s: nothing to evaluate\n", quote(results_).c_str());
      write({}, {}, truth);
      return;
    }
    const Evaluated boxes = evaluate_results(truth, results, {coco::IouType::boxes, false});
    std::optional<Evaluated> masks;
    if (truth.has_masks() && results.has_masks()) {
      masks.emplace(evaluate_results(truth, results, {coco::IouType::masks, area_of_box_}));
    }
    print_stats("boxes", boxes);
    if (masks) {
      print_stats("masks", *masks);
    } else {
      std::printf("\nmasks: the %s have none\n", truth.has_masks() ? "detections" : "annotations");
    }
    print_categories(truth, boxes, masks);
    write(boxes, masks, truth);
  }

 private:
  void write(const std::optional<Evaluated>& boxes, const std::optional<Evaluated>& masks,
             const coco::Dataset& truth) const {
    if (json_.empty()) return;
    nlohmann::ordered_json json{{"bbox", nullptr}, {"segm", nullptr}};
    if (boxes) json["bbox"] = figures_json(*boxes);
    if (masks) json["segm"] = figures_json(*masks);
    json["categories"] = nlohmann::ordered_json::array();
    for (const coco::Category& category : truth.categories()) {
      json["categories"].push_back({{"id", category.id}, {"name", category.name}});
    }
    write_file_atomically(json_, json_text(json, 2) + "\n");
  }

  std::string results_;
  std::string annotations_;
  std::string json_;
  bool area_of_box_ = false;
  bool load_only_ = false;
  OptionTable table_;
};

}  // namespace

void add_detect_eval(CLI::App& detect) {
  add_example(add_command<DetectEvalCommand>(
                  detect, "eval", "COCO's average precision and recall of boxes and masks"),
              "convmae detect eval --results results.json --annotations annotations.json");
}

}  // namespace convmae
