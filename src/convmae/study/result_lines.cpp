#include "convmae/study/result_lines.h"

#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"

#include <concepts>
#include <functional>
#include <string_view>
#include <system_error>
#include <type_traits>

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

template <typename Line, typename Kind>
concept AnyOf = std::same_as<std::remove_const_t<Line>, Kind>;

/// Calls `visit` with the name and the value of every field of a line but its curve: what is
/// written is what is read.
template <AnyOf<ResultLine> Line, typename Visit>
void visit_fields(Line& line, const Visit& visit) {
  visit("study", line.use.study);
  visit("arm", line.use.arm);
  visit("evaluation", line.use.evaluation);
  visit("seed", line.use.seed);
  visit("draw", line.use.draw);
  visit("value", line.outcome.value);
  visit("cpu", line.outcome.cpu);
  visit("commit", line.outcome.commit);
  visit("cpu_seconds", line.outcome.cpu_seconds);
  visit("images", line.outcome.images);
  visit("epochs", line.outcome.epochs);
  visit("steps", line.outcome.steps);
  visit("task", line.task);
  visit("command", line.command);
}

template <AnyOf<CostLine> Line, typename Visit>
void visit_fields(Line& line, const Visit& visit) {
  visit("setting", line.setting);
  visit("round", line.round);
  visit("cpu_seconds_per_step", line.seconds_per_step);
  visit("images_per_step", line.images_per_step);
  visit("steps_per_epoch", line.steps_per_epoch);
  visit("cpu", line.cpu);
  visit("commit", line.commit);
  visit("command", line.command);
}

template <typename Line>
Json fields_of(const Line& line) {
  Json json;
  visit_fields(line, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

/// Takes fields of a line; what else stands there is left alone.
class FieldReader {
 public:
  FieldReader(const Json& json, const std::string& place) : json_(json), place_(place) {}

  template <typename T>
  void operator()(const char* name, T& value) const {
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
  Json json = fields_of(line);
  if (!line.outcome.curve_epochs.empty()) {
    json["curve"] = {{"epochs", line.outcome.curve_epochs}, {"values", line.outcome.curve_values}};
  }
  return json;
}

ResultLine result_line_from(const Json& json, const std::string& place) {
  ResultLine line;
  visit_fields(line, FieldReader(json, place));
  if (json.contains("curve")) {
    const FieldReader curve(json["curve"], place);
    curve("epochs", line.outcome.curve_epochs);
    curve("values", line.outcome.curve_values);
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

Json to_json(const CostLine& line) { return fields_of(line); }

std::vector<CostLine> read_cost_lines(const std::filesystem::path& directory) {
  std::vector<CostLine> lines;
  for_each_object(costs_file(directory), [&](const Json& json, const std::string& place) {
    visit_fields(lines.emplace_back(), FieldReader(json, place));
  });
  return lines;
}

}  // namespace convmae
