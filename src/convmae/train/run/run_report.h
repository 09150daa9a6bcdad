#pragma once

#include "convmae/report/report.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_history.h"

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// What the report of any run says beside its log.
struct RunFacts {
  std::string title;
  RunStatus status = RunStatus::running;
  std::string note;  ///< how it ended, or empty
  NamedValues settings;
  std::string command;
  std::string data;     ///< what is trained on
  NamedValues machine;  ///< what computes, and how
  std::int64_t epochs = 0;
  std::optional<std::int64_t> steps;  ///< if its length is given in them
};

/// The head of the page: title and place, how it ended, tiles of training. No section.
ReportData begin_report(const RunPaths& paths, const RunHistory& log, const RunFacts& facts);

/// The last section: configuration and environment.
Section section_of_run(const RunFacts& facts);

}  // namespace convmae
