#pragma once

#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/run/run_report.h"

#include <cstdint>

namespace convmae {

/// Writes `report.html` of a run that trains a classifier of so many classes from the log.
void write_classifier_report(const RunPaths& paths, const RunLog& log, const RunFacts& facts,
                             std::int64_t classes);

}  // namespace convmae
