#pragma once

#include "convmae/report/report.h"
#include "convmae/train/run/run_directory.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace convmae {

/// How a run ended, for programs that start runs.
struct RunResult {
  RunStatus status = RunStatus::failed;
  std::string reason;     ///< schedule, time_limit, signal or error
  std::string note;       ///< the same for people; empty if by its schedule
  int signal = 0;         ///< its number; 0: none
  std::string command;    ///< that continues it
  std::int64_t step = 0;  ///< optimizer steps that are done
  std::int64_t steps = 0;
  std::int64_t epochs_done = 0;
  std::int64_t epochs = 0;
  nlohmann::ordered_json last;  ///< the log's last line; null if there is none
  nlohmann::ordered_json best;  ///< that of the best checkpoint, and which it is; or null
  // Of the process that ends here.
  double seconds = 0;
  double cpu_seconds = 0;
};

/// Writes `result.json`, the last of a run's files: while it is not there, the run is going on or
/// was killed. Throws UserError if it cannot be written.
void write_result(const RunPaths& paths, const RunResult& result);

/// Whether a file is one that write_result wrote.
bool is_result(const std::filesystem::path& path);

}  // namespace convmae
