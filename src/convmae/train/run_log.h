#pragma once

#include "convmae/io/jsonl.h"
#include "convmae/io/tensorboard.h"
#include "convmae/report/picture.h"
#include "convmae/train/run_directory.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// What is remembered of one optimizer step. Nothing here depends on the clock, so that an
/// interrupted and an uninterrupted run log the same lines.
struct StepRecord {
  std::int64_t step = 0;  ///< counted from 1 over the whole run
  double epoch = 0;       ///< fractional, at the step's first micro-batch
  double loss = 0;        ///< mean over the step's micro-batches
  double lr = 0;
  double grad_norm = 0;  ///< before clipping
  bool skipped = false;
};

/// What a run writes while it goes: `log.txt` (a header, then one JSON object an epoch with the
/// keys of mae), `steps.jsonl` (one object a step) and TensorBoard events. Keeps all of it in
/// memory too, for the report.
class RunLog {
 public:
  /// The log of a new run.
  RunLog(const RunPaths& paths, const nlohmann::ordered_json& header);
  /// The log of a run that continues after `step` steps, in `epoch`: what it wrote after that is
  /// cut off, as it will be written again. `resumption` is added to the header's list `resumed`.
  RunLog(const RunPaths& paths, std::int64_t step, std::int64_t epoch,
         std::int64_t restart_event_step, const nlohmann::ordered_json& resumption);

  /// Adds a key to the header.
  void extend_header(const std::string& key, const nlohmann::ordered_json& value);
  void add_step(const StepRecord& record);
  void add_epoch(const nlohmann::ordered_json& record);
  /// Scalars at a fractional epoch, for TensorBoard.
  void add_scalar(const std::string& tag, double value, double epoch);
  void add_image(const std::string& tag, std::span<const std::uint8_t> png, const Picture& picture,
                 double epoch);

  const nlohmann::ordered_json& header() const { return header_; }
  const std::vector<StepRecord>& steps() const { return steps_; }
  const std::vector<nlohmann::ordered_json>& epochs() const { return epochs_; }

 private:
  void rewrite_log() const;

  RunPaths paths_;
  nlohmann::ordered_json header_;
  std::vector<nlohmann::ordered_json> epochs_;
  std::vector<StepRecord> steps_;
  std::optional<JsonlWriter> steps_file_;
  std::optional<TensorboardWriter> events_;
};

/// TensorBoard's step for a fractional epoch, the field's convention: thousandths of an epoch.
std::int64_t event_step(double epoch);

}  // namespace convmae
