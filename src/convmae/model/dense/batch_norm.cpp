#include "convmae/model/dense/batch_norm.h"

#include "convmae/model/dense/shared_batch_norm.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

constexpr double kMomentum = 0.1;
constexpr const char* kNoVariance = "a batch of one number a channel has no variance";

}  // namespace

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
  if (is_training() && group_ != nullptr) return forward_shared(x);
  const bool training = is_training() && x.numel() > 0;
  if (training) {
    TORCH_CHECK(x.numel() > x.size(1), kNoVariance);
    begin_batch();
  }
  return at::batch_norm(x, weight, bias, training ? pending_->mean : running_mean_,
                        training ? pending_->var : running_var_, training, kMomentum, eps_,
                        /*cudnn_enabled=*/false);
}

at::Tensor BatchNorm::forward_shared(const at::Tensor& x) {
  SharedStatistics shared = shared_statistics(x, running_mean_, *group_);
  if (shared.count == 0) {
    shared = {1, running_mean_, running_var_};
  } else {
    TORCH_CHECK(shared.count > 1, kNoVariance);
    const at::NoGradGuard no_grad;
    Pending& pending = begin_batch();
    const double unbiased = shared.count / (shared.count - 1);
    pending.mean.mul_(1 - kMomentum).add_(shared.mean, kMomentum);
    pending.var.mul_(1 - kMomentum).add_(shared.var, kMomentum * unbiased);
  }
  return normalise_part(x, weight, bias, shared, eps_, *group_);
}

BatchNorm::Pending& BatchNorm::begin_batch() {
  if (!pending_) pending_ = {running_mean_.clone(), running_var_.clone()};
  ++pending_->batches;
  return *pending_;
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

void set_process_group(torch::nn::Module& module, ProcessGroup* group) {
  module.apply([group](torch::nn::Module& part) {
    if (auto* const norm = part.as<BatchNorm>()) norm->share_with(group);
  });
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
