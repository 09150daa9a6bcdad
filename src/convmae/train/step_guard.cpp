#include "convmae/train/step_guard.h"

#include <cmath>

namespace convmae {

bool StepGuard::admit(double loss, double grad_norm) {
  if (std::isfinite(loss) && std::isfinite(grad_norm)) {
    in_a_row_ = 0;
    return true;
  }
  ++skipped_;
  ++in_a_row_;
  return false;
}

void StepGuard::restore(std::int64_t skipped, std::int64_t in_a_row) {
  skipped_ = skipped;
  in_a_row_ = in_a_row;
}

}  // namespace convmae
