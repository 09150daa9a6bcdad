#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/label_flags.h"
#include "convmae/cli/output.h"
#include "convmae/data/labels/label_check.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

constexpr int kFaultyData = 1;

using Json = nlohmann::ordered_json;

struct Options {
  std::string data;
  std::string labels;
  LabelSchemeOptions scheme;
  bool json = false;
};

/// A part of a data set, and what was found in it.
struct Part {
  std::string place;
  LabelReport report;
};

std::int64_t warnings_of(const LabelReport& report) {
  std::int64_t warnings = 0;
  for (const LabelReport::Warning& warning : report.warnings) warnings += warning.count;
  return warnings;
}

/// What an id is: the index of its class, `ignored` or `unknown`; nothing without a scheme.
std::string meaning_of(std::int64_t id, const std::optional<LabelScheme>& scheme) {
  if (!scheme) return "";
  const std::optional<std::int16_t> k = scheme->class_of(id);
  if (!k) return "unknown";
  return *k == LabelMap::kIgnored ? "ignored" : std::to_string(*k);
}

void print_ids(const LabelReport& report, const std::optional<LabelScheme>& scheme) {
  double pixels = 0;
  for (const auto& [id, count] : report.ids) pixels += static_cast<double>(count.pixels);
  std::printf("%8s %8s %14s %8s %8s%s\n", "id", scheme ? "class" : "", "pixels", "share", "files",
              scheme ? "  name" : "");
  for (const auto& [id, count] : report.ids) {
    const std::string name = scheme ? scheme->name_of(id) : "";
    std::printf("%8lld %8s %14lld %6.2f %% %8lld%s%s\n", static_cast<long long>(id),
                meaning_of(id, scheme).c_str(), static_cast<long long>(count.pixels),
                100 * static_cast<double>(count.pixels) / pixels,
                static_cast<long long>(count.files), name.empty() ? "" : "  ", brief(name).c_str());
  }
}

void print_part(const Part& part, const std::optional<LabelScheme>& scheme) {
  const LabelReport& report = part.report;
  for (const std::string& error : report.errors) std::printf("error: %s\n", brief(error).c_str());
  const std::int64_t more = report.error_count - std::ssize(report.errors);
  if (more > 0) std::printf("error: %lld more of them\n", static_cast<long long>(more));
  for (const LabelReport::Warning& warning : report.warnings) {
    std::printf("warning: %lld %s; the first is %s\n", static_cast<long long>(warning.count),
                warning.kind.c_str(), brief(warning.first).c_str());
  }
  if (!report.ids.empty()) print_ids(report, scheme);
  std::printf("%s: %lld pairs of %s to %s pixels; %lld errors, %lld warnings\n",
              quote(part.place).c_str(), static_cast<long long>(report.pairs),
              size_text(report.smallest).c_str(), size_text(report.largest).c_str(),
              static_cast<long long>(report.error_count),
              static_cast<long long>(warnings_of(report)));
}

Json json_of(const Part& part, const std::optional<LabelScheme>& scheme) {
  const LabelReport& report = part.report;
  Json ids = Json::array();
  for (const auto& [id, count] : report.ids) {
    const std::string meaning = meaning_of(id, scheme);
    const std::string name = scheme ? scheme->name_of(id) : "";
    Json& json = ids.emplace_back(Json{{"id", id}, {"class", nullptr}, {"name", nullptr}});
    if (!name.empty()) {
      json["class"] = *scheme->class_of(id);
      json["name"] = name;
    }
    json["ignored"] = meaning == "ignored";
    json["pixels"] = count.pixels;
    json["files"] = count.files;
  }
  Json warnings = Json::array();
  for (const LabelReport::Warning& warning : report.warnings) {
    warnings.push_back(
        {{"kind", warning.kind}, {"count", warning.count}, {"first", warning.first}});
  }
  return {{"place", part.place},
          {"pairs", report.pairs},
          {"smallest", {report.smallest.height, report.smallest.width}},
          {"largest", {report.largest.height, report.largest.width}},
          {"ids", ids},
          {"errors", report.errors},
          {"error_count", report.error_count},
          {"warnings", warnings}};
}

/// Returns the exit code.
int run(const Options& options) {
  const std::optional<LabelScheme> scheme = scheme_if_given(options.scheme);
  LabelPalette palette;
  if (!options.scheme.palette.empty()) palette = read_label_palette(options.scheme.palette);
  std::vector<Part> parts;
  for (const Split split : label_splits(options.data, options.labels)) {
    const auto pairs = open_label_pairs(options.data, options.labels, split);
    parts.push_back(
        {pairs->account().place, check_labels(*pairs, scheme ? &*scheme : nullptr, &palette)});
    if (!options.json) print_part(parts.back(), scheme);
  }
  if (options.json) {
    Json json = Json::array();
    for (const Part& part : parts) json.push_back(json_of(part, scheme));
    print_json({{"parts", json}});
  }
  const bool faulty =
      std::ranges::any_of(parts, [](const Part& part) { return part.report.error_count > 0; });
  return faulty ? kFaultyData : 0;
}

}  // namespace

void add_segment_check(CLI::App& segment, CommandLine& line) {
  CLI::App* const command = segment.add_subcommand(
      "check", "Say what label files hold, and what is wrong with them and their images");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("data", options->data,
                   "Folder with images and annotations in it, folder of images, or list of pairs")
      ->required();
  command->add_option("--labels", options->labels, "Folder of the label files, if data has none");
  add_label_flags(*command, options->scheme);
  add_json(*command, options->json);
  add_example(*command, "convmae segment check scenes");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace convmae
