#pragma once

#include "convmae/classify/finetune_options.h"
#include "convmae/train/run/run_context.h"

namespace convmae {

/// Fine-tunes a classifier in a new run directory, or continues the run in `options.resume`.
/// Returns the exit code as `pretrain` does. Throws UserError.
int finetune(FinetuneOptions& options, const RunContext& context);

/// Trains a linear classifier on an encoder that stays as it is.
int linprobe(LinprobeOptions& options, const RunContext& context);

}  // namespace convmae
