#include "convmae/train/run_log.h"

#include "convmae/io/atomic_file.h"

#include <cstddef>
#include <fstream>
#include <functional>
#include <limits>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

/// Numbers that were not finite are null in JSON.
double number_or_nan(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

Json to_json(const StepRecord& record) {
  Json json = {{"step", record.step},
               {"epoch", record.epoch},
               {"loss", record.loss},
               {"lr", record.lr},
               {"grad_norm", record.grad_norm}};
  if (record.skipped) json["skipped"] = true;
  return json;
}

StepRecord step_record_from(const Json& json) {
  return {.step = json.value("step", std::int64_t{0}),
          .epoch = number_or_nan(json.value("epoch", Json())),
          .loss = number_or_nan(json.value("loss", Json())),
          .lr = number_or_nan(json.value("lr", Json())),
          .grad_norm = number_or_nan(json.value("grad_norm", Json())),
          .skipped = json.value("skipped", false)};
}

/// Calls `visit` with every whole JSON object of a file of lines; a line that a crash cut short is
/// passed over.
void read_lines(const std::filesystem::path& path, const std::function<void(Json)>& visit) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) visit(std::move(json));
  }
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

RunLog::RunLog(const RunPaths& paths, const Json& header)
    : paths_(paths), header_(header), steps_file_(paths.steps()), events_(paths.root) {
  rewrite_log();
}

RunLog::RunLog(const RunPaths& paths, std::int64_t step, std::int64_t epoch,
               std::int64_t restart_event_step, const Json& resumption)
    : paths_(paths) {
  read_lines(paths.log(), [&](Json json) {
    if (!json.contains("epoch")) {
      header_ = std::move(json);
    } else if (json.at("epoch") < epoch && !json.value("incomplete", false)) {
      epochs_.push_back(std::move(json));
    }
  });
  header_["resumed"].push_back(resumption);
  rewrite_log();

  AtomicFile kept(paths.steps());
  read_lines(paths.steps(), [&](const Json& json) {
    if (json.value("step", step + 1) > step) return;
    steps_.push_back(step_record_from(json));
    kept.write(line_of(json));
  });
  kept.commit();
  steps_file_.emplace(paths.steps());
  events_.emplace(paths.root, restart_event_step);
}

void RunLog::rewrite_log() const {
  std::string text = line_of(header_);
  for (const Json& epoch : epochs_) text += line_of(epoch);
  write_file_atomically(paths_.log(), text);
}

void RunLog::extend_header(const std::string& key, const Json& value) {
  header_[key] = value;
  rewrite_log();
}

void RunLog::add_step(const StepRecord& record) {
  steps_.push_back(record);
  steps_file_->append(to_json(record));
  add_scalar("train_loss", record.loss, record.epoch);
  add_scalar("lr", record.lr, record.epoch);
}

void RunLog::add_epoch(const Json& record) {
  epochs_.push_back(record);
  JsonlWriter(paths_.log()).append(record);
}

void RunLog::add_scalar(const std::string& tag, double value, double epoch) {
  events_->scalar(tag, value, event_step(epoch));
}

void RunLog::add_image(const std::string& tag, std::span<const std::uint8_t> png,
                       const Picture& picture, double epoch) {
  events_->image(tag, std::as_bytes(png), picture.height, picture.width, event_step(epoch));
}

std::int64_t event_step(double epoch) { return static_cast<std::int64_t>(epoch * 1000); }

}  // namespace convmae
