#pragma once

#include "convmae/train/run/run_directory.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace convmae {

/// For a run that goes back to `step`: moves `later`, the checkpoints after it, and what it wrote
/// at its end into a new folder of the run, `after-step-00000060`, with copies of its logs and
/// pictures, which are about to be written anew from there on. Returns the folder; an empty path,
/// and no folder, if nothing is later. Throws UserError, and moves no checkpoint, if they cannot be
/// kept.
std::filesystem::path set_aside(const RunPaths& run, std::int64_t step,
                                const std::vector<std::filesystem::path>& later);

}  // namespace convmae
