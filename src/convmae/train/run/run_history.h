#pragma once

#include "convmae/train/observer.h"
#include "convmae/train/run/run_directory.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <vector>

namespace convmae {

nlohmann::ordered_json to_json(const StepRecord& record);

/// What a run has written to `log.txt` (a header, then one JSON object an epoch with the keys of
/// mae, and one where it was evaluated within an epoch) and `steps.jsonl` (one object a step).
/// Numbers that were not finite are null there.
class RunHistory {
 public:
  /// Of an existing run, which may still be going on; a line that a crash cut short is passed over.
  /// Throws UserError if `log.txt` has no header.
  static RunHistory read(const RunPaths& paths);

  const nlohmann::ordered_json& header() const { return header_; }
  const std::vector<StepRecord>& steps() const { return steps_; }
  /// The lines of epochs; those with `incomplete` are of what was done of one until then.
  const std::vector<nlohmann::ordered_json>& epochs() const { return epochs_; }

 protected:
  RunHistory() = default;  // NOLINT(bugprone-exception-escape)
  /// What there is, which may be nothing.
  explicit RunHistory(const RunPaths& paths);

  nlohmann::ordered_json header_;
  std::vector<nlohmann::ordered_json> epochs_;
  std::vector<StepRecord> steps_;
};

}  // namespace convmae
