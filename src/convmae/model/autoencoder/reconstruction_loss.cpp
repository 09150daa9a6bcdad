#include "convmae/model/autoencoder/reconstruction_loss.h"

#include <ATen/ATen.h>

namespace convmae {

void ReconstructionLoss::add(const at::Tensor& pred, const at::Tensor& target) {
  const at::Tensor sum = at::mse_loss(pred.to(target.scalar_type()), target, at::Reduction::Sum);
  sum_ = sum_.defined() ? sum_ + sum : sum;
  count_ += static_cast<double>(pred.numel());
}

void ReconstructionLoss::add(const at::Tensor& pred, const at::Tensor& target,
                             const at::Tensor& counts, std::int64_t count) {
  const at::Tensor sum = ((pred.to(target.scalar_type()) - target).square() * counts).sum();
  sum_ = sum_.defined() ? sum_ + sum : sum;
  count_ += static_cast<double>(count);
}

at::Tensor ReconstructionLoss::mean() const { return sum_ / count_; }

}  // namespace convmae
