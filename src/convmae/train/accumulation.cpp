#include "convmae/train/accumulation.h"

#include "convmae/base/error.h"

#include <algorithm>
#include <string>

namespace convmae {

StepPlan::StepPlan(std::int64_t batches_per_epoch, std::int64_t accum_iter)
    : batches_(batches_per_epoch), accum_iter_(accum_iter) {
  if (accum_iter < 1) {
    throw UserError("accum_iter must be 1 or more, found " + std::to_string(accum_iter));
  }
  if (batches_per_epoch < 1) {
    throw UserError(
        "an epoch would have no optimizer step: there are fewer images than one batch; choose a "
        "smaller --batch_size or give more images");
  }
}

std::int64_t StepPlan::batches(std::int64_t step) const {
  return std::min(accum_iter_, batches_ - first_batch(step));
}

}  // namespace convmae
