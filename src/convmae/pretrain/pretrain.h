#pragma once

#include "convmae/pretrain/pretrain_options.h"
#include "convmae/train/run/run_context.h"

namespace convmae {

/// Pretrains a model in a new run directory, or continues the run in `options.resume`. Returns the
/// exit code: 0 at the end of the run or at its time limit, 128 + the signal's number after a
/// signal that asked it to stop (a checkpoint is written first). Throws UserError.
int pretrain(PretrainOptions& options, const RunContext& context);

}  // namespace convmae
