#pragma once

#include "convmae/detect/detect_options.h"
#include "convmae/train/run/run_context.h"

namespace convmae {

/// Trains a detector in a new run directory, or continues the run in `options.resume`. Returns the
/// exit code as `pretrain` does. Throws UserError.
int train_detector(DetectOptions& options, const RunContext& context);

}  // namespace convmae
