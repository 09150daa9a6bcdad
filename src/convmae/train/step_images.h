#pragma once

#include "convmae/train/training_checkpoint.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace convmae {

/// Shares the images of a step out to `options.world_size` processes and micro-batches: settles
/// batch_size, accum_iter and unit. A run that continues from `before` keeps the images of its
/// steps: where the options make others, accum_iter follows, and batch_size if it was not `typed`.
/// Returns the arithmetic in a line where it is not what the options said; else nothing. Throws
/// UserError where the images cannot be shared out.
std::string settle_batches(TrainingOptions& options, const std::optional<RunIdentity>& before,
                           const std::function<bool(const char* flag)>& typed);

/// How many of so many images an epoch visits: whole units, of which there may be none.
std::int64_t epoch_images(const TrainingOptions& options, std::int64_t images);

}  // namespace convmae
