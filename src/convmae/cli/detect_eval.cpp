#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/validators.h"
#include "convmae/detect/category_match.h"
#include "convmae/detect/detection_report.h"
#include "convmae/detect/detector_checkpoint.h"
#include "convmae/detect/detector_inference.h"
#include "convmae/detect/line_gatherer.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/directories.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/run/checkpoint_store.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

void print_stats(const char* title, const DetectionFigures& figures) {
  std::printf("\n%s, %.3f CPU s\n", title, figures.cpu_seconds);
  for (std::size_t i = 0; i < kStatNames.size(); ++i) {
    const StatName& name = kStatNames[i];
    std::printf("  %s @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %s\n", name.measure, name.iou,
                name.area, name.detections, three_digits(figures.stats[i]).c_str());
  }
}

/// Nothing for none.
void print_class_agnostic(const char* title, const std::optional<DetectionFigures>& figures) {
  if (!figures) return;
  print_stats(title, *figures);
  constexpr std::size_t kMostDetections = coco::kLimits - 1;
  std::printf("  AR @[ IoU=0.50      | area=   all | maxDets=100 ] = %s\n",
              three_digits(figures->evaluation.recall(0, 0, 0, kMostDetections)).c_str());
}

void print_categories(const coco::Dataset& truth, const DetectionEvaluation& figures) {
  constexpr std::size_t kLongestName = 30;
  std::printf("\n%-12s %-*s %7s %8s %8s %8s", "category_id", static_cast<int>(kLongestName), "name",
              "objects", "box AP", "box AP50", "box AR");
  if (figures.masks) std::printf(" %8s %9s %8s", "mask AP", "mask AP50", "mask AR");
  std::printf("\n");
  const std::vector<std::int64_t> objects = objects_by_category(truth);
  for (std::size_t k = 0; k < objects.size(); ++k) {
    const coco::Category& category = truth.categories()[k];
    const coco::Evaluation& box = figures.boxes->evaluation;
    std::printf("%-12lld %-*s %7lld %8s %8s %8s", static_cast<long long>(category.id),
                static_cast<int>(kLongestName), brief(category.name, kLongestName).c_str(),
                static_cast<long long>(objects[k]), three_digits(box.category_ap(k)).c_str(),
                three_digits(box.category_ap50(k)).c_str(),
                three_digits(box.category_ar(k)).c_str());
    if (figures.masks) {
      const coco::Evaluation& mask = figures.masks->evaluation;
      std::printf(" %8s %9s %8s", three_digits(mask.category_ap(k)).c_str(),
                  three_digits(mask.category_ap50(k)).c_str(),
                  three_digits(mask.category_ar(k)).c_str());
    }
    std::printf("\n");
  }
}

void print_count(std::int64_t count, const char* of_what) {
  if (count > 0) std::printf("%lld %s\n", static_cast<long long>(count), of_what);
}

/// What is known of the images and of what was found in them.
struct Evaluated {
  std::shared_ptr<const coco::Dataset> truth;
  std::shared_ptr<const AnnotatedImages> images;  ///< null if nobody said where they are
  coco::Results results;
  NamedValues origin;
  DecodeOptions decode;
};

class DetectEvalCommand {
 public:
  DetectEvalCommand(CLI::App& command, CommandLine& line) : line_(line), table_(command) {
    table_.group("Files");
    table_.add("annotations", annotations_, "What is to be found, in COCO's JSON format")
        ->required();
    table_.add("checkpoint", checkpoint_,
               "A detector: the directory of a run, its weights, or published ones");
    table_.add("images", images_, "Folder of the annotated images");
    table_.add("results", results_,
               "In place of a detector what it found, in COCO's results format, a JSON list");
    table_.add("out", out_,
               "Directory for report.html, metrics.json and, with --checkpoint, detections.json");
    table_.add_command_line_only("json", json_, "File to write the figures to, as JSON");
    table_.group("Evaluation");
    table_.add(
        "area_of_box", area_of_box_,
        "Masks: sizes of false detections go by their boxes, as in pycocotools where results "
        "have both; else by the masks, as in detectron2");
    table_.add("class_agnostic", class_agnostic_,
               "Also with all categories as one: whether an object is found, whatever it is "
               "taken for");
    table_.add_command_line_only("load_only", load_only_, "Read both files and end");
    table_
        .add("score_threshold", score_threshold_,
             "Leave out detections with a lower score [as the detector says: 0.05]")
        ->check(CLI::Range(0.0, 1.0));
    table_
        .add("max_detections", max_detections_,
             "Detections of an image, the best ones [as the detector says: 100]")
        ->check(positive());
    command.option_defaults()->group("Images and arithmetic");
    reading_.add_batch_size(command);
    reading_.add_to(command);
    reading_.add_sharing_to(command);
    inference_.add_upright_to(command);
  }

  void run() {
    if (results_.empty()) reading_.join(line_.processes);
    require_one_origin();
    if (!json_.empty()) require_writable(json_);
    if (!out_.empty()) require_evaluation_files(out_);
    Evaluated evaluated;
    evaluated.truth = std::make_shared<coco::Dataset>(coco::Dataset::read(annotations_));
    evaluated.origin = {{"annotations", annotations_}};
    evaluated.decode = inference_.decode();
    if (!images_.empty()) {
      evaluated.images =
          std::make_shared<AnnotatedImages>(evaluated.truth, images_, AnnotatedImages::Which::all);
      evaluated.origin.emplace_back("images", images_);
    }
    if (results_.empty()) {
      detect(evaluated, line_.processes.is_first());
      if (!line_.processes.is_first()) return;
    } else {
      evaluated.results = coco::Results::read(results_, *evaluated.truth);
      evaluated.origin.emplace_back("results", results_);
    }
    print_counts(evaluated);
    if (!load_only_) evaluate(evaluated);
  }

 private:
  void require_one_origin() const {
    if (checkpoint_.empty() == results_.empty()) {
      throw UserError(checkpoint_.empty()
                          ? "give a detector with --checkpoint and --images, or what one has found "
                            "with --results"
                          : "give either --checkpoint or --results, not both");
    }
    if (!checkpoint_.empty() && images_.empty()) {
      throw UserError("--checkpoint needs the folder of the annotated images: give --images");
    }
  }

  void detect(Evaluated& evaluated, bool is_first) const {
    const Compute compute = inference_.start(reading_.group());
    const std::filesystem::path file = model_file(checkpoint_);
    const LoadedDetector loaded = load_detector(file, compute);
    evaluated.origin.emplace_back("checkpoint", file.string());
    evaluated.decode.channels = std::ssize(loaded.preprocessing.mean);
    DetectionConfig detection = loaded.detector->config().detection;
    detection.score_thresh = score_threshold_.value_or(detection.score_thresh);
    detection.topk_per_image = max_detections_.value_or(detection.topk_per_image);
    loaded.detector->choose_by(detection);
    const CategoryMatch match =
        match_categories(loaded.categories, *evaluated.truth, "--annotations");
    for (const std::string& remark : match.remarks) std::cerr << "convmae: " << remark << "\n";
    std::optional<coco::ResultsWriter> writer;
    if (!out_.empty() && is_first) {
      make_directory(out_);
      writer.emplace(std::filesystem::path(out_) / kDetectionsFile);
    }
    ImageProgress progress(evaluated.images->size());
    const ImageReading reading = reading_.reading(inference_.decode(), progress);
    LineGatherer lines(reading, [&](const coco::ResultLine& line) {
      evaluated.results.add(line, *evaluated.truth);
      if (writer) writer->add(line);
    });
    detect_annotated(*loaded.detector,
                     {test_recipe(loaded.detector->config()), loaded.preprocessing, compute},
                     evaluated.images, reading, [&](const FoundImage& found) {
                       const std::int64_t id = evaluated.images->record(found.sample).id;
                       for (const coco::ResultLine& line : result_lines(found, id, match.ids)) {
                         lines.add(line);
                       }
                     });
    lines.finish();
    reading_.tell_of_others(reading);
    if (writer) writer->commit();
  }

  void print_counts(const Evaluated& evaluated) const {
    const coco::Dataset& truth = *evaluated.truth;
    std::printf("%zu images, %zu annotations of %zu categories, %zu detections\n",
                truth.images().size(), truth.annotations().size(), truth.categories().size(),
                evaluated.results.detections().size());
    print_count(truth.without_image(),
                "annotations of images that are not in the list are left out");
    print_count(truth.without_category(),
                "annotations of categories that are not in the list are left out");
    print_count(truth.without_area(), "annotations have no area: that of the box is taken");
    print_count(evaluated.results.without_category(),
                "detections of categories that the annotations do not have are left out");
  }

  void evaluate(const Evaluated& evaluated) const {
    const coco::Dataset& truth = *evaluated.truth;
    const DetectionEvaluation figures =
        evaluate_detections(truth, evaluated.results, area_of_box_, class_agnostic_);
    if (!figures.boxes) {
      std::printf("there are no detections%s: nothing to evaluate\n",
                  results_.empty() ? "" : (" in " + quote(results_)).c_str());
    } else {
      print_stats("boxes", *figures.boxes);
      if (figures.masks) {
        print_stats("masks", *figures.masks);
      } else {
        std::printf("\nmasks: the %s have none\n",
                    truth.has_masks() ? "detections" : "annotations");
      }
      print_categories(truth, figures);
      print_class_agnostic("boxes of any category", figures.class_agnostic_boxes);
      print_class_agnostic("masks of any category", figures.class_agnostic_masks);
    }
    if (!json_.empty()) {
      write_file_atomically(json_, json_text(figures_json(figures, truth), 2) + "\n");
    }
    if (!out_.empty()) write(evaluated, figures);
  }

  void write(const Evaluated& evaluated, const DetectionEvaluation& figures) const {
    const DetectionReportContext context{annotations_, evaluated.origin, evaluated.images,
                                         evaluated.decode};
    MissingFonts missing;
    write_evaluation_files(out_, *evaluated.truth, evaluated.results, figures, context, missing);
    const std::string advice = missing.advice();
    if (!advice.empty()) std::cerr << "convmae: warning: " << advice << "\n";
    std::printf("\nwrote report.html, metrics.json%s to %s\n",
                results_.empty() ? " and detections.json" : "", printable(out_).c_str());
  }

  CommandLine& line_;
  std::string annotations_;
  std::string checkpoint_;
  std::string images_;
  std::string results_;
  std::string out_;
  std::string json_;
  bool area_of_box_ = false;
  bool class_agnostic_ = false;
  bool load_only_ = false;
  std::optional<double> score_threshold_;
  std::optional<std::int64_t> max_detections_;
  ReadingFlags reading_{1};
  InferenceFlags inference_;
  OptionTable table_;
};

}  // namespace

void add_detect_eval(CLI::App& detect, CommandLine& line) {
  add_example(add_command<DetectEvalCommand>(
                  detect, "eval", "COCO's average precision and recall of boxes and masks", line),
              "convmae detect eval --checkpoint detector --images images --annotations "
              "annotations.json");
}

}  // namespace convmae
