#include "convmae/segment/segmentation_files.h"

#include "convmae/base/json_text.h"
#include "convmae/base/read_file.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/csv.h"
#include "convmae/io/directories.h"
#include "convmae/report/confusions.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"

#include <cstdint>
#include <string_view>
#include <system_error>

namespace convmae {
namespace {

constexpr const char* kMetrics = "metrics.json";
constexpr const char* kClasses = "classes.csv";
constexpr const char* kConfusions = "confusion.csv";
constexpr const char* kConfusionPicture = "confusion.png";
constexpr const char* kReport = "report.html";
/// What metrics.json begins with: its first line and its first key.
constexpr std::string_view kMetricsBeginning = "{\n \"pixels\":";

nlohmann::ordered_json json_of(std::optional<double> share) {
  return share ? nlohmann::ordered_json(*share) : nlohmann::ordered_json();
}

void add_field(std::string& row, std::optional<double> share) {
  row += ',';
  if (share) row += format_fixed(*share, 6);
}

}  // namespace

std::string share_text(std::optional<double> share) {
  return share ? format_fixed(100 * *share, 2) : "-";
}

nlohmann::ordered_json evaluation_json(const SegmentationMetrics& metrics,
                                       const std::vector<std::string>& classes) {
  nlohmann::ordered_json json = {{"pixels", metrics.pixels()},
                                 {"miou", metrics.mean_iou()},
                                 {"macc", metrics.mean_accuracy()},
                                 {"aacc", metrics.overall_accuracy()},
                                 {"mdice", metrics.mean_dice()}};
  nlohmann::ordered_json& per_class = json["classes"] = nlohmann::ordered_json::array();
  for (std::int64_t k = 0; k < metrics.num_classes(); ++k) {
    per_class.push_back({{"name", as_utf8(classes.at(static_cast<std::size_t>(k)))},
                         {"pixels", metrics.pixels_of(k)},
                         {"predicted", metrics.predicted_as(k)},
                         {"iou", json_of(metrics.iou(k))},
                         {"dice", json_of(metrics.dice(k))},
                         {"accuracy", json_of(metrics.accuracy(k))}});
  }
  return json;
}

Table class_table(const SegmentationMetrics& metrics, const std::vector<std::string>& classes) {
  Table table{.title = "Classes",
              .header = {"class", "pixels", "IoU %", "Dice %", "accuracy %"},
              .rows = {}};
  for (std::int64_t k = 0; k < metrics.num_classes(); ++k) {
    table.rows.push_back({classes.at(static_cast<std::size_t>(k)),
                          format_count(static_cast<double>(metrics.pixels_of(k))),
                          share_text(metrics.iou(k)), share_text(metrics.dice(k)),
                          share_text(metrics.accuracy(k))});
  }
  return table;
}

std::string class_csv(const SegmentationMetrics& metrics, const std::vector<std::string>& classes) {
  std::string text = "class,pixels,predicted,iou,dice,accuracy\n";
  for (std::int64_t k = 0; k < metrics.num_classes(); ++k) {
    text += csv_field(classes.at(static_cast<std::size_t>(k)));
    text +=
        ',' + std::to_string(metrics.pixels_of(k)) + ',' + std::to_string(metrics.predicted_as(k));
    for (const std::optional<double> share :
         {metrics.iou(k), metrics.dice(k), metrics.accuracy(k)}) {
      add_field(text, share);
    }
    text += '\n';
  }
  return text;
}

void require_segmentation_directory(const std::filesystem::path& directory) {
  const bool is_ours =
      file_beginning(directory / kMetrics, kMetricsBeginning.size()) == kMetricsBeginning;
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return require_writable_directory(directory);
  }
  for (const char* const name : {kMetrics, kClasses, kConfusions, kConfusionPicture, kReport}) {
    if (!is_ours) require_absent(directory / name, "--out");
    require_writable(directory / name);
  }
}

void write_evaluation(const std::filesystem::path& directory, const SegmentationMetrics& metrics,
                      const std::vector<std::string>& classes, const ReportData& report) {
  make_directory(directory);
  write_file_atomically(directory / kMetrics,
                        json_text(evaluation_json(metrics, classes), 1) + "\n");
  write_file_atomically(directory / kClasses, class_csv(metrics, classes));
  const ConfusionTable confusions{
      classes,
      [&metrics](std::int64_t label, std::int64_t predicted) {
        return metrics.confusions(label, predicted);
      },
      [&metrics](std::int64_t label) { return metrics.pixels_of(label); }};
  write_file_atomically(directory / kConfusions, confusion_csv(confusions));
  write_png(directory / kConfusionPicture, confusion_picture(confusions));
  write_report(directory / kReport, report);
}

}  // namespace convmae
