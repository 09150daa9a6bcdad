#pragma once

#include "convmae/io/jsonl.h"
#include "convmae/io/tensorboard.h"
#include "convmae/report/picture.h"
#include "convmae/train/run/run_history.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace convmae {

/// Writes a run's history while it goes, and TensorBoard events. Keeps the history in memory too,
/// for the report.
class RunLog : public RunHistory {
 public:
  /// The log of a new run.
  RunLog(const RunPaths& paths, const nlohmann::ordered_json& header);
  /// Where a run continues.
  struct Place {
    std::int64_t step = 0;   ///< how many are done
    bool evaluated = false;  ///< there, as far as that was due
    std::int64_t epoch = 0;  ///< in which it goes on
    std::int64_t event_step = 0;
  };
  /// The log of a run that continues: what it wrote after that is cut off, as it will be written
  /// again. `resumption` is added to the header's list `resumed`.
  RunLog(const RunPaths& paths, const Place& place, const nlohmann::ordered_json& resumption);

  /// In memory alone: of a process whose run another one logs.
  explicit RunLog(const nlohmann::ordered_json& header) { header_ = header; }

  /// Adds a key to the header.
  void extend_header(const std::string& key, const nlohmann::ordered_json& value);
  void add_step(const StepRecord& record);
  /// The line, of an epoch or of a part of one, is on disk when this returns.
  void add_epoch(const nlohmann::ordered_json& record);
  /// Scalars at a fractional epoch, for TensorBoard.
  void add_scalar(const std::string& tag, double value, double epoch);
  void add_image(const std::string& tag, std::span<const std::uint8_t> png, const Picture& picture,
                 double epoch);
  /// Waits until the steps are on disk.
  void sync() { steps_file_->sync(); }

 private:
  void rewrite_log() const;

  std::optional<RunPaths> paths_;  ///< none: in memory alone
  std::optional<JsonlWriter> steps_file_;
  std::optional<TensorboardWriter> events_;
};

/// TensorBoard's step for a fractional epoch, the field's convention: thousandths of an epoch.
std::int64_t event_step(double epoch);

}  // namespace convmae
