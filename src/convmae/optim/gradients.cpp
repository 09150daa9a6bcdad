#include "convmae/optim/gradients.h"

#include <ATen/ATen.h>

namespace convmae {

double grad_norm(const std::vector<at::Tensor>& gradients) {
  if (gradients.empty()) return 0;
  const at::NoGradGuard no_grad;
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2))).item<double>();
}

void clip_gradients(const std::vector<at::Tensor>& gradients, double norm, double max_norm) {
  // The small term keeps a vanishing norm from dividing by zero.
  const double scale = max_norm / (norm + 1e-6);
  if (scale >= 1) return;
  const at::NoGradGuard no_grad;
  at::_foreach_mul_(gradients, scale);
}

}  // namespace convmae
