#pragma once

#include "convmae/segment/segment_options.h"
#include "convmae/train/run/run_context.h"

namespace convmae {

/// Trains a segmentor in a new run directory, or continues the run in `options.resume`. Returns the
/// exit code as `pretrain` does. Throws UserError.
int train_segmentor(SegmentOptions& options, const RunContext& context);

}  // namespace convmae
