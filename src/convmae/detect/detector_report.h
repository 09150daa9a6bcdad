#pragma once

#include "convmae/report/report.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_log.h"

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// What the report of a run that trains a detector says beside its log.
struct DetectorReportContext {
  std::string title;
  RunStatus status = RunStatus::running;
  std::string note;  ///< how it ended, or empty
  NamedValues settings;
  std::string command;
  std::string data;
  NamedValues machine;  ///< what computes, and how
  std::int64_t epochs = 0;
  std::optional<std::int64_t> steps;  ///< if its length is given in them
};

/// Writes `report.html` from the log.
void write_detector_report(const RunPaths& paths, const RunLog& log,
                           const DetectorReportContext& context);

}  // namespace convmae
