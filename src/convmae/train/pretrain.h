#pragma once

#include "convmae/train/pretrain_options.h"
#include "convmae/train/run_report.h"

#include <functional>
#include <string>

namespace convmae {

/// What a run is told about how it was called.
struct RunContext {
  std::string command;  ///< the whole command line
  /// The options by flag name, with values in TOML. Asked for when all options are resolved.
  std::function<NamedValues()> settings;
};

/// Pretrains a model in a new run directory, or continues the run in `options.resume`. Returns the
/// exit code: 0 at the end of the run or at its time limit, 128 + the signal's number after a
/// signal that asked it to stop (a checkpoint is written first). Throws UserError.
int pretrain(PretrainOptions& options, const RunContext& context);

}  // namespace convmae
