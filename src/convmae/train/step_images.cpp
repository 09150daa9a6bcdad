#include "convmae/train/step_images.h"

#include "convmae/base/error.h"
#include "convmae/data/sources/source_account.h"
#include "convmae/train/option_checks.h"

#include <algorithm>

namespace convmae {
namespace {

/// "2 processes of 64 images, 4 micro-batches a step: 512 images a step".
std::string arithmetic(const TrainingOptions& options) {
  return counted(options.world_size, "process", "processes") + " of " +
         counted(options.batch_size, "image", "images") + ", " +
         counted(options.accum_iter, "micro-batch", "micro-batches") +
         " a step: " + counted(options.images_per_step(), "image", "images") + " a step";
}

/// The largest divisor of `number` that is no more than `most`.
std::int64_t divisor_below(std::int64_t number, std::int64_t most) {
  std::int64_t divisor = std::min(number, most);
  while (number % divisor != 0) --divisor;
  return divisor;
}

/// A batch size with which the processes share `images` evenly, for advice.
std::string fitting_batch(const TrainingOptions& options, std::int64_t images) {
  if (images % options.world_size != 0) {
    return "start a number of processes that divides " + std::to_string(images);
  }
  return "take --batch_size " +
         std::to_string(divisor_below(images / options.world_size, options.batch_size));
}

void settle_new(TrainingOptions& options) {
  if (options.global_batch_size) {
    require_count(*options.global_batch_size, "global_batch_size");
    const std::int64_t images = *options.global_batch_size;
    if (images % options.shared_batch() != 0) {
      throw UserError("--global_batch_size " + std::to_string(images) +
                      " is no multiple of --batch_size " + std::to_string(options.batch_size) +
                      " times " + counted(options.world_size, "process", "processes") + ": " +
                      fitting_batch(options, images));
    }
    options.accum_iter = images / options.shared_batch();
  }
  options.unit = options.shared_batch();
}

void settle_continued(TrainingOptions& options, const RunIdentity& before,
                      const std::function<bool(const char* flag)>& typed) {
  const std::int64_t images = before.unit * before.units_per_step;
  const std::int64_t asked = typed("global_batch_size") && options.global_batch_size
                                 ? *options.global_batch_size
                                 : options.images_per_step();
  if (asked != images && (typed("accum_iter") || typed("global_batch_size"))) {
    throw UserError("the run has " + std::to_string(images) + " images a step, found " +
                    std::to_string(asked) +
                    ": leave out --accum_iter and --global_batch_size to continue it, or start a "
                    "new run from its weights with --init");
  }
  if (before.unit % options.world_size == 0 && !typed("batch_size")) {
    options.batch_size = divisor_below(before.unit / options.world_size, options.batch_size);
  }
  if (before.unit % options.shared_batch() != 0) {
    throw UserError("the run counts its epochs in " + std::to_string(before.unit) +
                    " images, which " + counted(options.world_size, "process", "processes") +
                    " with --batch_size " + std::to_string(options.batch_size) +
                    " do not share evenly: " + fitting_batch(options, before.unit));
  }
  options.unit = before.unit;
  options.accum_iter = images / options.shared_batch();
}

}  // namespace

std::string settle_batches(TrainingOptions& options, const std::optional<RunIdentity>& before,
                           const std::function<bool(const char* flag)>& typed) {
  require_count(options.batch_size, "batch_size");
  require_count(options.accum_iter, "accum_iter");
  const std::int64_t batch = options.batch_size;
  const std::int64_t batches = options.accum_iter;
  if (before) {
    settle_continued(options, *before, typed);
  } else {
    settle_new(options);
  }
  const bool as_said = options.batch_size == batch && options.accum_iter == batches;
  return as_said ? "" : arithmetic(options);
}

std::int64_t epoch_images(const TrainingOptions& options, std::int64_t images) {
  return images / options.unit * options.unit;
}

}  // namespace convmae
