#include "convmae/study/result_lines.h"

#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"

#include <functional>
#include <string_view>
#include <system_error>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

/// Calls `visit` with every object of a file of lines, which need not be there, and its place.
void for_each_object(const std::filesystem::path& path,
                     const std::function<void(const Json&, const std::string&)>& visit) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  std::int64_t number = 0;
  for_each_line(path, [&](std::string_view line) {
    ++number;
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) visit(json, quote(path.string()) + ", line " + std::to_string(number));
  });
}

/// Takes the fields of a line; what else stands there is left alone.
class LineFields {
 public:
  LineFields(const Json& json, const std::string& place) : json_(json), place_(place) {}

  template <typename T>
  void take(const char* name, T& value) const {
    const auto found = json_.find(name);
    if (found != json_.end() && take_json(*found, value)) return;
    throw UserError(place_ + ": expected a result of a study, found no usable '" + name +
                    "': remove the line, or restore the file");
  }

 private:
  const Json& json_;
  const std::string& place_;
};

}  // namespace

Json to_json(const ResultLine& line) {
  Json json{{"study", line.use.study},
            {"arm", line.use.arm},
            {"evaluation", line.use.evaluation},
            {"seed", line.use.seed},
            {"draw", line.use.draw},
            {"value", line.outcome.value},
            {"cpu", line.outcome.cpu},
            {"commit", line.outcome.commit},
            {"cpu_seconds", line.outcome.cpu_seconds},
            {"images", line.outcome.images},
            {"epochs", line.outcome.epochs},
            {"steps", line.outcome.steps},
            {"task", line.task},
            {"command", line.command}};
  if (!line.outcome.curve_epochs.empty()) {
    json["curve"] = {{"epochs", line.outcome.curve_epochs}, {"values", line.outcome.curve_values}};
  }
  return json;
}

ResultLine result_line_from(const Json& json, const std::string& place) {
  const LineFields fields(json, place);
  ResultLine line;
  fields.take("study", line.use.study);
  fields.take("arm", line.use.arm);
  fields.take("evaluation", line.use.evaluation);
  fields.take("seed", line.use.seed);
  fields.take("draw", line.use.draw);
  fields.take("value", line.outcome.value);
  fields.take("cpu", line.outcome.cpu);
  fields.take("commit", line.outcome.commit);
  fields.take("cpu_seconds", line.outcome.cpu_seconds);
  fields.take("images", line.outcome.images);
  fields.take("epochs", line.outcome.epochs);
  fields.take("steps", line.outcome.steps);
  fields.take("task", line.task);
  fields.take("command", line.command);
  if (json.contains("curve")) {
    const LineFields curve(json["curve"], place);
    curve.take("epochs", line.outcome.curve_epochs);
    curve.take("values", line.outcome.curve_values);
    if (line.outcome.curve_epochs.size() != line.outcome.curve_values.size()) {
      throw UserError(place + ": a curve must have a value for each of its epochs");
    }
  }
  return line;
}

std::filesystem::path lines_file(const std::filesystem::path& directory, const std::string& study) {
  return directory / (study + ".jsonl");
}

std::vector<ResultLine> read_result_lines(const std::filesystem::path& directory,
                                          const std::string& study) {
  std::vector<ResultLine> lines;
  for_each_object(lines_file(directory, study), [&](const Json& json, const std::string& place) {
    lines.push_back(result_line_from(json, place));
  });
  return lines;
}

std::filesystem::path costs_file(const std::filesystem::path& directory) {
  return directory / "costs.jsonl";
}

Json to_json(const CostLine& line) {
  return {{"setting", line.setting},
          {"round", line.round},
          {"cpu_seconds_per_step", line.seconds_per_step},
          {"images_per_step", line.images_per_step},
          {"steps_per_epoch", line.steps_per_epoch},
          {"cpu", line.cpu},
          {"commit", line.commit},
          {"command", line.command}};
}

std::vector<CostLine> read_cost_lines(const std::filesystem::path& directory) {
  std::vector<CostLine> lines;
  for_each_object(costs_file(directory), [&](const Json& json, const std::string& place) {
    const LineFields fields(json, place);
    CostLine& line = lines.emplace_back();
    fields.take("setting", line.setting);
    fields.take("round", line.round);
    fields.take("cpu_seconds_per_step", line.seconds_per_step);
    fields.take("images_per_step", line.images_per_step);
    fields.take("steps_per_epoch", line.steps_per_epoch);
    fields.take("cpu", line.cpu);
    fields.take("commit", line.commit);
    fields.take("command", line.command);
  });
  return lines;
}

}  // namespace convmae
