#include "convmae/train/run/run_history.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

double number_or_nan(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

StepRecord step_record_from(const Json& json) {
  std::vector<std::pair<std::string, double>> parts;
  const auto found = json.find("parts");
  if (found != json.end() && found->is_object()) {
    for (const auto& [name, value] : found->items()) {
      parts.emplace_back(name, number_or_nan(value));
    }
  }
  return {.step = json.value("step", std::int64_t{0}),
          .epoch = number_or_nan(json.value("epoch", Json())),
          .loss = number_or_nan(json.value("loss", Json())),
          .lr = number_or_nan(json.value("lr", Json())),
          .grad_norm = number_or_nan(json.value("grad_norm", Json())),
          .skipped = json.value("skipped", false),
          .parts = std::move(parts)};
}

/// Calls `visit` with every whole JSON object of a file of lines, which need not be there.
void read_lines(const std::filesystem::path& path, const std::function<void(Json)>& visit) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return;
  for_each_line(path, [&visit](std::string_view line) {
    Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) visit(std::move(json));
  });
}

}  // namespace

nlohmann::ordered_json to_json(const StepRecord& record) {
  Json json = {{"step", record.step},
               {"epoch", record.epoch},
               {"loss", record.loss},
               {"lr", record.lr},
               {"grad_norm", record.grad_norm}};
  if (record.skipped) json["skipped"] = true;
  for (const auto& [name, value] : record.parts) json["parts"][name] = value;
  return json;
}

RunHistory::RunHistory(const RunPaths& paths) {
  read_lines(paths.log(), [&](Json json) {
    if (json.contains("epoch")) {
      epochs_.push_back(std::move(json));
    } else {
      header_ = std::move(json);
    }
  });
  read_lines(paths.steps(), [&](const Json& json) {
    if (json.contains("step")) steps_.push_back(step_record_from(json));
  });
}

RunHistory RunHistory::read(const RunPaths& paths) {
  RunHistory history(paths);
  if (!history.header_.is_object()) {
    throw UserError(quote(paths.root.string()) +
                    " is no run: it has no log.txt that begins with a header");
  }
  return history;
}

}  // namespace convmae
