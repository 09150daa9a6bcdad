#include "convmae/detect/detection_report.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/detect/detection_picture.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/directories.h"
#include "convmae/report/canvas.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"
#include "convmae/report/report.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_charts.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

constexpr const char* kReportFile = "report.html";
constexpr const char* kMetricsFile = "metrics.json";
/// Its first line and its first key.
constexpr std::string_view kMetricsBeginning = "{\n  \"annotations\":";

constexpr std::size_t kWorstImages = 12;
constexpr std::size_t kMostCurves = 100;
constexpr std::int64_t kTileSide = 480;
// Places in an Evaluation.
constexpr std::size_t kIou50 = 0;
constexpr std::size_t kIou75 = 5;
constexpr std::size_t kAllAreas = 0;
constexpr std::size_t kHundred = 2;

/// Precision at each recall, of one category: the best at this recall or a higher one.
std::array<double, coco::kRecalls> curve_of(const coco::Evaluation& evaluation,
                                            std::size_t category, std::size_t threshold) {
  std::array<double, coco::kRecalls> curve{};
  for (std::size_t r = 0; r < coco::kRecalls; ++r) {
    curve[r] = evaluation.precision(threshold, r, category, kAllAreas, kHundred);
  }
  return curve;
}

/// The mean over those of the categories that have objects, below which AP is the area.
Series mean_curve(const coco::Evaluation& evaluation, std::span<const std::size_t> categories,
                  std::size_t threshold, std::string name, int colour) {
  std::array<double, coco::kRecalls> sum{};
  double counted = 0;
  for (const std::size_t k : categories) {
    const std::array<double, coco::kRecalls> curve = curve_of(evaluation, k, threshold);
    if (curve[0] < 0) continue;
    for (std::size_t r = 0; r < coco::kRecalls; ++r) sum[r] += curve[r];
    ++counted;
  }
  Series series{.name = std::move(name), .colour = colour};
  if (counted == 0) return series;
  const std::array<double, coco::kRecalls> recalls = coco::recall_thresholds();
  series.x.assign(recalls.begin(), recalls.end());
  for (double& value : sum) value /= counted;
  series.y.assign(sum.begin(), sum.end());
  const double area = std::accumulate(sum.begin(), sum.end(), 0.0) / coco::kRecalls;
  series.figure = "AP " + three_digits(area);
  return series;
}

Chart curve_chart(std::string title) {
  Chart chart;
  chart.title = std::move(title);
  chart.x_label = "recall";
  chart.y_scale = AxisScale::linear;
  chart.from_zero = true;
  return chart;
}

/// Curves of boxes and masks at IoUs that have a name.
std::vector<Series> curves_of(const DetectionEvaluation& figures,
                              std::span<const std::size_t> categories, bool at_75) {
  std::vector<Series> curves;
  int colour = 0;
  for (const auto& [what, part] : {std::pair{"boxes", &figures.boxes}, {"masks", &figures.masks}}) {
    if (!*part) continue;
    for (const auto& [iou, name] : {std::pair{kIou50, ", IoU 0.50"}, {kIou75, ", IoU 0.75"}}) {
      if (iou == kIou50 || at_75) {
        curves.push_back(
            mean_curve((*part)->evaluation, categories, iou, std::string(what) + name, colour));
      }
      ++colour;
    }
  }
  return curves;
}

Section curves(const coco::Dataset& truth, const DetectionEvaluation& figures) {
  Section section{.title = "Precision and recall"};
  if (!figures.boxes) return section;
  const std::vector<std::int64_t> objects = objects_by_category(truth);
  std::vector<std::size_t> order(objects.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Chart all = curve_chart("All categories");
  all.wide = true;
  all.note =
      "The mean over the categories. Precision is the best at this recall or a higher one; AP is "
      "the area below a curve.";
  all.series = curves_of(figures, order, /*at_75=*/true);
  section.charts.push_back(std::move(all));
  std::erase_if(order, [&](std::size_t k) { return objects[k] == 0; });
  if (order.size() > kMostCurves) {
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t k) { return objects[k]; });
    order.resize(kMostCurves);
    section.note = "Of the categories, the " + std::to_string(kMostCurves) +
                   " with the most objects have a curve of their own.";
  }
  for (const std::size_t k : order) {
    Chart chart = curve_chart(as_utf8(truth.categories()[k].name));
    chart.series = curves_of(figures, {&k, 1}, /*at_75=*/false);
    section.charts.push_back(std::move(chart));
  }
  return section;
}

Table size_table(const DetectionEvaluation& figures) {
  Table table{.title = "By size of the objects",
              .header = {"", "all", "small", "medium", "large"},
              .rows = {}};
  const auto add = [&](const char* name, const std::array<double, 12>& stats, std::size_t all,
                       std::size_t small) {
    table.rows.push_back({name, three_digits(stats[all]), three_digits(stats[small]),
                          three_digits(stats[small + 1]), three_digits(stats[small + 2])});
  };
  for (const auto& [what, part] : {std::pair{"boxes", &figures.boxes}, {"masks", &figures.masks}}) {
    if (!*part) continue;
    add((std::string(what) + ", AP").c_str(), (*part)->stats, 0, 3);
    add((std::string(what) + ", AR").c_str(), (*part)->stats, 8, 9);
  }
  return table;
}

Table stat_table(const DetectionEvaluation& figures) {
  Table table{.title = "COCO's twelve numbers",
              .header = {"", "IoU", "area", "detections", "boxes"},
              .rows = {}};
  if (figures.masks) table.header.emplace_back("masks");
  for (std::size_t i = 0; i < kStatNames.size(); ++i) {
    const StatName& name = kStatNames[i];
    table.rows.push_back({name.measure, name.iou, name.area, std::to_string(name.detections),
                          three_digits(figures.boxes->stats[i])});
    if (figures.masks) table.rows.back().push_back(three_digits(figures.masks->stats[i]));
  }
  return table;
}

Table category_table(const coco::Dataset& truth, const DetectionEvaluation& figures) {
  Table table{.title = "By category",
              .header = {"category", "objects", "box AP", "box AP50", "box AR"},
              .rows = {}};
  if (figures.masks) {
    for (const char* const name : {"mask AP", "mask AP50", "mask AR"})
      table.header.emplace_back(name);
  }
  const std::vector<std::int64_t> objects = objects_by_category(truth);
  for (std::size_t k = 0; k < objects.size(); ++k) {
    table.rows.push_back({as_utf8(truth.categories()[k].name), std::to_string(objects[k])});
    for (const auto* const part : {&figures.boxes, &figures.masks}) {
      if (!*part) continue;
      const coco::Evaluation& evaluation = (*part)->evaluation;
      for (const auto& value :
           {evaluation.category_ap(k), evaluation.category_ap50(k), evaluation.category_ar(k)}) {
        table.rows.back().push_back(three_digits(value));
      }
    }
  }
  return table;
}

/// The images with the most errors, the worst one first; none without an error.
std::vector<std::size_t> worst_images(const coco::ErrorCount& errors) {
  std::vector<std::size_t> order(errors.images.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return errors.images[i].total() == 0; });
  std::ranges::stable_sort(order, std::greater(),
                           [&](std::size_t i) { return errors.images[i].total(); });
  if (order.size() > kWorstImages) order.resize(kWorstImages);
  return order;
}

/// Detections of an image that count as found or wrong, best first.
std::vector<DrawnObject> counted_detections(const coco::Dataset& truth,
                                            const coco::Results& results, std::size_t image,
                                            double score) {
  std::vector<const coco::Detection*> counted;
  for (const coco::Detection& detection : results.detections()) {
    if (static_cast<std::size_t>(detection.image) == image && detection.score >= score) {
      counted.push_back(&detection);
    }
  }
  std::ranges::stable_sort(counted, std::greater(), &coco::Detection::score);
  std::vector<DrawnObject> drawn;
  drawn.reserve(counted.size());
  for (const coco::Detection* const detection : counted) {
    drawn.push_back(drawn_detection(*detection, results, truth));
  }
  return drawn;
}

std::string error_text(const coco::ImageErrors& errors) {
  return std::to_string(errors.found) + " of " + std::to_string(errors.objects) +
         " objects found, " + std::to_string(errors.missed()) + " missed, " +
         std::to_string(errors.wrong) + " wrong detections";
}

Section worst(const coco::Dataset& truth, const coco::Results& results,
              const coco::ErrorCount& errors, const DetectionReportContext& context, bool masks,
              MissingFonts& missing) {
  Section section{.title = "The images with the most errors"};
  section.note = std::string(
                     "Errors of an image are the objects that are missed and the detections "
                     "that are wrong, with a score of at least ") +
                 format_fixed(errors.score, 3) + " and an IoU of " + (masks ? "masks" : "boxes") +
                 " of at least 0.5. This score balances precision (" +
                 format_share(errors.precision()) + ") and recall (" +
                 format_share(errors.recall()) + ") of all images best.";
  std::vector<std::size_t> order = worst_images(errors);
  // The page shows the last one first.
  std::ranges::reverse(order);
  std::size_t rank = order.size();
  for (const std::size_t image : order) {
    const std::string place = rank == 1 ? "the worst" : "number " + std::to_string(rank);
    --rank;
    const std::string& name = truth.images()[image].file_name;
    try {
      const auto number = static_cast<std::int64_t>(image);
      const ShownImage shown =
          shown_image(*context.images, number, context.decode, kTileSide, kTileSide);
      const Picture picture = beside_truth(
          draw_objects(shown, drawn_annotations(truth, number), missing),
          draw_objects(shown, counted_detections(truth, results, image, errors.score), missing),
          name, missing);
      section.figures.push_back(
          {place, as_utf8(name) + ": " + error_text(errors.images[image]), encode_png(picture)});
    } catch (const UserError&) {
      continue;  // whoever evaluated it has said what is wrong with it
    }
  }
  return section;
}

ReportData report_of(const coco::Dataset& truth, const coco::Results& results,
                     const DetectionEvaluation& figures, const coco::ErrorCount& errors,
                     const DetectionReportContext& context, MissingFonts& missing) {
  ReportData data;
  data.title = "Evaluation of detections";
  data.subtitle = context.subtitle;
  data.footer = "convmae " + program_version();
  data.status = RunStatus::finished;
  for (const auto& [what, part] :
       {std::pair{"box AP", &figures.boxes}, {"mask AP", &figures.masks}}) {
    if (!*part) continue;
    data.tiles.push_back(
        {what, three_digits((*part)->stats[0]),
         "AP50 " + three_digits((*part)->stats[1]) + ", AP75 " + three_digits((*part)->stats[2])});
  }
  data.tiles.push_back({"objects found", format_share(errors.recall()),
                        "of " + std::to_string(errors.all.objects) + ", at the best balance"});
  data.tiles.push_back({"detections right", format_share(errors.precision()),
                        "of " + std::to_string(errors.all.found + errors.all.wrong) +
                            " with a score of at least " + format_fixed(errors.score, 2)});
  if (!figures.boxes) data.notes.emplace_back("There are no detections: nothing to evaluate.");

  Section numbers{.title = "Average precision"};
  if (figures.boxes) {
    numbers.tables = {size_table(figures), category_table(truth, figures), stat_table(figures)};
  }
  if (context.images && why_nothing_is_drawn().empty()) {
    data.sections.push_back(
        worst(truth, results, errors, context, figures.masks.has_value(), missing));
  }
  data.sections.push_back(std::move(numbers));
  data.sections.push_back(curves(truth, figures));
  Section origin{.title = "Where it comes from"};
  origin.tables.push_back(table_of("", context.origin));
  data.sections.push_back(std::move(origin));
  return data;
}

/// COCO's figures, and those of single images together.
nlohmann::ordered_json metrics_json(const coco::Dataset& truth, const DetectionEvaluation& figures,
                                    const coco::ErrorCount& errors,
                                    const DetectionReportContext& context) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : context.origin) json[name] = value;
  json["image_count"] = truth.images().size();
  json["object_count"] = errors.all.objects;
  json.update(figures_json(figures, truth));
  json["best_balance"] = {{"score", errors.score},           {"f1", errors.f1()},
                          {"precision", errors.precision()}, {"recall", errors.recall()},
                          {"found", errors.all.found},       {"missed", errors.all.missed()},
                          {"wrong", errors.all.wrong}};
  return json;
}

}  // namespace

void require_evaluation_files(const std::filesystem::path& directory) {
  const bool is_ours =
      file_beginning(directory / kMetricsFile, kMetricsBeginning.size()) == kMetricsBeginning;
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return require_writable_directory(directory);
  }
  for (const char* const name : {kReportFile, kMetricsFile, kDetectionsFile}) {
    if (!is_ours) require_absent(directory / name, "--out");
    require_writable(directory / name);
  }
}

void write_evaluation_files(const std::filesystem::path& directory, const coco::Dataset& truth,
                            const coco::Results& results, const DetectionEvaluation& figures,
                            const DetectionReportContext& context, MissingFonts& missing) {
  make_directory(directory);
  const coco::ErrorCount errors = coco::count_errors(
      truth, results, {figures.masks ? coco::IouType::masks : coco::IouType::boxes, false});
  // First the file by which a later call knows whose the others are.
  write_file_atomically(directory / kMetricsFile,
                        json_text(metrics_json(truth, figures, errors, context), 2) + "\n");
  write_report(directory / kReportFile,
               report_of(truth, results, figures, errors, context, missing));
}

}  // namespace convmae
