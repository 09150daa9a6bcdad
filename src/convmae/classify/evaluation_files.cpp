#include "convmae/classify/evaluation_files.h"

#include "convmae/base/json_text.h"
#include "convmae/base/read_file.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/directories.h"
#include "convmae/report/confusions.h"
#include "convmae/report/png.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <system_error>

namespace convmae {
namespace {

constexpr const char* kJson = "eval.json";
constexpr const char* kCsv = "confusion.csv";
constexpr const char* kPicture = "confusion.png";
/// What eval.json begins with: its first line and its first key.
constexpr std::string_view kJsonBeginning = "{\n \"images\":";

ConfusionTable confusions_of(const ClassificationMetrics& metrics,
                             const std::vector<std::string>& classes) {
  return {classes,
          [&metrics](std::int64_t label, std::int64_t predicted) {
            return metrics.confusions(label, predicted);
          },
          [&metrics](std::int64_t label) { return metrics.images_of(label); }};
}

}  // namespace

nlohmann::ordered_json evaluation_json(const ClassificationMetrics& metrics,
                                       const std::vector<std::string>& classes) {
  nlohmann::ordered_json json = {{"images", metrics.images()},
                                 {"top1", metrics.top1()},
                                 {"top5", metrics.top5()},
                                 {"loss", metrics.loss()},
                                 {"mean_recall", metrics.mean_recall()},
                                 {"calibration_error", metrics.calibration_error()}};
  nlohmann::ordered_json& bins = json["calibration"] = nlohmann::ordered_json::array();
  for (const ClassificationMetrics::Bin& bin : metrics.bins()) {
    if (bin.images == 0) continue;
    const auto images = static_cast<double>(bin.images);
    bins.push_back({{"images", bin.images},
                    {"confidence", bin.confidence / images},
                    {"accuracy", static_cast<double>(bin.correct) / images}});
  }
  nlohmann::ordered_json& per_class = json["classes"] = nlohmann::ordered_json::array();
  for (std::int64_t k = 0; k < metrics.num_classes(); ++k) {
    per_class.push_back({{"name", classes.at(static_cast<std::size_t>(k))},
                         {"images", metrics.images_of(k)},
                         {"recall", metrics.recall(k)},
                         {"precision", metrics.precision(k)}});
  }
  return json;
}

bool counts_confusions(std::int64_t classes) {
  constexpr std::int64_t kMost = 5'000;  // 200 MB of counters
  return classes <= kMost;
}

void require_evaluation_directory(const std::filesystem::path& directory) {
  const bool is_ours = file_beginning(directory / kJson, kJsonBeginning.size()) == kJsonBeginning;
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return require_writable_directory(directory);
  }
  for (const char* const name : {kJson, kCsv, kPicture}) {
    if (!is_ours) require_absent(directory / name, "--out");
    require_writable(directory / name);
  }
}

void write_evaluation(const std::filesystem::path& directory, const ClassificationMetrics& metrics,
                      const std::vector<std::string>& classes) {
  make_directory(directory);
  write_file_atomically(directory / kJson, json_text(evaluation_json(metrics, classes), 1) + "\n");
  if (!metrics.counts_confusions()) {
    std::error_code error;
    // An earlier call's would be taken for this one's.
    for (const char* const name : {kCsv, kPicture})
      std::filesystem::remove(directory / name, error);
    return;
  }
  const ConfusionTable confusions = confusions_of(metrics, classes);
  write_file_atomically(directory / kCsv, confusion_csv(confusions));
  write_png(directory / kPicture, confusion_picture(confusions));
}

bool at_chance(const ClassificationMetrics& metrics) {
  const auto images = static_cast<double>(metrics.images());
  const double chance = metrics.chance();
  // Three standard deviations of a blind guess's share of hits.
  const double luck = 3 * std::sqrt(chance * (1 - chance) / std::max(1.0, images));
  return metrics.num_classes() > 1 && metrics.images() > 0 && metrics.top1() <= chance + luck;
}

}  // namespace convmae
