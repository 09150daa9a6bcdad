#include "convmae/optim/gradients.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace convmae {

namespace {

// Keeps a vanishing norm from dividing by zero.
constexpr double kSmall = 1e-6;

}  // namespace

at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients) {
  if (gradients.empty()) return at::zeros({}, at::kFloat);
  const at::NoGradGuard no_grad;
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)));
}

double grad_norm(const std::vector<at::Tensor>& gradients) {
  return gradient_norm(gradients).item<double>();
}

void clip_gradients(const std::vector<at::Tensor>& gradients, const at::Tensor& norm,
                    double max_norm) {
  const at::NoGradGuard no_grad;
  at::_foreach_mul_(gradients, (max_norm / (norm + kSmall)).clamp_max(1));
}

void clip_gradients(const std::vector<at::Tensor>& gradients, double norm, double max_norm) {
  const double scale = max_norm / (norm + kSmall);
  if (scale >= 1) return;
  const at::NoGradGuard no_grad;
  at::_foreach_mul_(gradients, scale);
}

}  // namespace convmae
