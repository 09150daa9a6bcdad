#pragma once

#include "convmae/pretrain/held_out_loss.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/run/run_report.h"

#include <cstdint>
#include <optional>

namespace convmae {

/// The images of a KnnProbe, and its score before the run's first step.
struct ProbeContext {
  std::int64_t images = 0;
  std::int64_t classes = 0;
  double first_top1 = 0;
};

/// What the report of a pretraining run says beside its log.
struct PretrainReportContext {
  RunFacts facts;
  /// Held-out images before the first step, where there are any.
  std::optional<Evaluation> untrained;
  std::optional<ProbeContext> probe;
  bool normalised_targets = false;
};

/// Writes `report.html` from the log and the pictures in `panels`.
void write_pretrain_report(const RunPaths& paths, const RunLog& log,
                           const PretrainReportContext& context);

}  // namespace convmae
