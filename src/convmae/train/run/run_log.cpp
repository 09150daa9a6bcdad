#include "convmae/train/run/run_log.h"

#include "convmae/base/json_text.h"
#include "convmae/io/atomic_file.h"

#include <cstddef>
#include <vector>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& json) { return json_text(json) + '\n'; }

/// Whether a run that continues will write the line again.
bool comes_again(const Json& line, const RunLog::Place& place) {
  const auto step = line.find("step");
  if (step != line.end() && step->is_number_integer()) {
    return place.evaluated ? *step > place.step : *step >= place.step;
  }
  // Earlier versions wrote of a part of an epoch at a time limit alone, and no steps.
  return line.at("epoch") >= place.epoch || line.contains("incomplete");
}

}  // namespace

RunLog::RunLog(const RunPaths& paths, const Json& header)
    : paths_(paths), steps_file_(paths.steps()), events_(paths.root) {
  header_ = header;
  rewrite_log();  // makes the name of the file of steps durable too
}

RunLog::RunLog(const RunPaths& paths, const Place& place, const Json& resumption)
    : RunHistory(paths), paths_(paths) {
  std::erase_if(epochs_, [&](const Json& line) { return comes_again(line, place); });
  header_["resumed"].push_back(resumption);
  rewrite_log();

  std::erase_if(steps_, [&](const StepRecord& record) { return record.step > place.step; });
  std::string kept;
  for (const StepRecord& record : steps_) kept += line_of(to_json(record));
  write_file_atomically(paths.steps(), kept);
  steps_file_.emplace(paths.steps());
  events_.emplace(paths.root, place.event_step);
}

void RunLog::rewrite_log() const {
  if (!paths_) return;
  std::string text = line_of(header_);
  for (const Json& epoch : epochs_) text += line_of(epoch);
  write_file_atomically(paths_->log(), text);
}

void RunLog::extend_header(const std::string& key, const Json& value) {
  header_[key] = value;
  rewrite_log();
}

void RunLog::add_step(const StepRecord& record) {
  steps_.push_back(record);
  if (!paths_) return;
  steps_file_->append(to_json(record));
  add_scalar("train_loss", record.loss, record.epoch);
  add_scalar("lr", record.lr, record.epoch);
  for (const auto& [name, value] : record.parts) {
    add_scalar("train_loss/" + name, value, record.epoch);
  }
}

void RunLog::add_epoch(const Json& record) {
  epochs_.push_back(record);
  if (!paths_) return;
  JsonlWriter file(paths_->log());
  file.append(record);
  file.sync();
}

void RunLog::add_scalar(const std::string& tag, double value, double epoch) {
  if (events_) events_->scalar(tag, value, event_step(epoch));
}

void RunLog::add_image(const std::string& tag, std::span<const std::uint8_t> png,
                       const Picture& picture, double epoch) {
  events_->image(tag, std::as_bytes(png), picture.height, picture.width, event_step(epoch));
}

std::int64_t event_step(double epoch) { return static_cast<std::int64_t>(epoch * 1000); }

}  // namespace convmae
