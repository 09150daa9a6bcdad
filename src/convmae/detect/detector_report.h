#pragma once

#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/run/run_report.h"

namespace convmae {

/// Writes `report.html` of a run that trains a detector from the log.
void write_detector_report(const RunPaths& paths, const RunLog& log, const RunFacts& facts);

}  // namespace convmae
