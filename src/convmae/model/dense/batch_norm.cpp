#include "convmae/model/dense/batch_norm.h"

#include <ATen/ATen.h>

namespace convmae {

BatchNorm::BatchNorm(std::int64_t channels, double eps, Affine affine) : eps_(eps) {
  if (affine == Affine::scale_and_shift) {
    weight = register_parameter("weight", at::ones({channels}));
    bias = register_parameter("bias", at::zeros({channels}));
  }
  running_mean_ = register_buffer("running_mean", at::zeros({channels}));
  running_var_ = register_buffer("running_var", at::ones({channels}));
  num_batches_tracked_ = register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor BatchNorm::forward(const at::Tensor& x) {
  constexpr double kMomentum = 0.1;
  const bool training = is_training() && x.numel() > 0;
  if (training) {
    TORCH_CHECK(x.numel() > x.size(1), "a batch of one number a channel has no variance");
    if (!pending_) pending_ = {running_mean_.clone(), running_var_.clone()};
    ++pending_->batches;
  }
  return at::batch_norm(x, weight, bias, training ? pending_->mean : running_mean_,
                        training ? pending_->var : running_var_, training, kMomentum, eps_,
                        /*cudnn_enabled=*/false);
}

void BatchNorm::commit() {
  if (!pending_) return;
  running_mean_.copy_(pending_->mean);
  running_var_.copy_(pending_->var);
  num_batches_tracked_.add_(pending_->batches);
  pending_.reset();
}

void BatchNorm::commit_if(const at::Tensor& admitted) {
  if (!pending_) return;
  running_mean_.copy_(at::where(admitted, pending_->mean, running_mean_));
  running_var_.copy_(at::where(admitted, pending_->var, running_var_));
  num_batches_tracked_.add_(admitted.to(at::kLong) * pending_->batches);
  pending_.reset();
}

void commit_statistics(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& part) {
    if (auto* const norm = part.as<BatchNorm>()) norm->commit();
  });
}

void commit_statistics_if(torch::nn::Module& module, const at::Tensor& admitted) {
  module.apply([&](torch::nn::Module& part) {
    if (auto* const norm = part.as<BatchNorm>()) norm->commit_if(admitted);
  });
}

void discard_statistics(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& part) {
    if (auto* const norm = part.as<BatchNorm>()) norm->discard();
  });
}

}  // namespace convmae
