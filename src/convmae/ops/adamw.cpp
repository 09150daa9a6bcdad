#include "convmae/ops/adamw.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>

namespace convmae::ops {
namespace {

using at::Tensor;

bool has_kernel(const AdamWTensors& tensors) {
  const auto fits = [](const Tensor& x) {
    return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous();
  };
  return fits(tensors.param) && fits(tensors.exp_avg) && fits(tensors.exp_avg_sq) &&
         tensors.grad.device().is_cpu() && tensors.grad.scalar_type() == at::kFloat;
}

void step_with_kernel(const AdamWTensors& tensors, const AdamWFactors& factors) {
  const auto t = static_cast<double>(factors.step);
  const adamw_kernel::Factors numbers{
      .keep = static_cast<float>(1 - factors.lr * factors.weight_decay),
      .new_avg = static_cast<float>(1 - factors.beta1),
      .beta2 = static_cast<float>(factors.beta2),
      .new_avg_sq = static_cast<float>(1 - factors.beta2),
      .step_size = static_cast<float>(factors.lr / (1 - std::pow(factors.beta1, t))),
      .inverse_root = static_cast<float>(1 / std::sqrt(1 - std::pow(factors.beta2, t))),
      .eps = static_cast<float>(factors.eps)};
  const Tensor grad = tensors.grad.contiguous();
  const auto kernels =
      for_this_cpu(adamw_kernel::kernels_baseline, adamw_kernel::kernels_avx2,
                   adamw_kernel::kernels_avx512, adamw_kernel::kernels_avx512_bf16)();
  auto* const param = tensors.param.mutable_data_ptr<float>();
  auto* const exp_avg = tensors.exp_avg.mutable_data_ptr<float>();
  auto* const exp_avg_sq = tensors.exp_avg_sq.mutable_data_ptr<float>();
  auto* const copy = tensors.copy.defined()
                         ? static_cast<std::uint16_t*>(tensors.copy.mutable_data_ptr())
                         : nullptr;
  const auto* const gradient = grad.const_data_ptr<float>();
  constexpr std::int64_t kBlock = 1 << 14;
  const std::int64_t count = tensors.param.numel();
  at::parallel_for(0, (count + kBlock - 1) / kBlock, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * kBlock;
    kernels.step({std::min(end * kBlock, count) - first, param + first, gradient + first,
                  exp_avg + first, exp_avg_sq + first, copy == nullptr ? nullptr : copy + first},
                 numbers);
  });
}

void step_with_library(const AdamWTensors& tensors, const AdamWFactors& factors) {
  const Tensor step = at::scalar_tensor(static_cast<double>(factors.step),
                                        tensors.param.options().dtype(at::kFloat));
  at::_fused_adamw_(tensors.param, tensors.grad, tensors.exp_avg, tensors.exp_avg_sq,
                    /*max_exp_avg_sqs=*/{}, step, factors.lr, factors.beta1, factors.beta2,
                    factors.weight_decay, factors.eps, /*amsgrad=*/false, /*maximize=*/false);
  if (tensors.copy.defined()) tensors.copy.copy_(tensors.param);
}

}  // namespace

void adamw_step(const AdamWTensors& tensors, const AdamWFactors& factors) {
  TORCH_CHECK(tensors.grad.sizes() == tensors.param.sizes(), "adamw_step: a gradient of ",
              tensors.grad.sizes(), " for a parameter of ", tensors.param.sizes());
  TORCH_CHECK(!tensors.copy.defined() ||
                  (tensors.copy.scalar_type() == at::kBFloat16 && tensors.copy.is_contiguous() &&
                   tensors.copy.sizes() == tensors.param.sizes()),
              "adamw_step: the copy must be a contiguous bfloat16 tensor of the parameter's shape");
  const at::NoGradGuard no_grad;
  if (has_kernel(tensors)) {
    step_with_kernel(tensors, factors);
  } else {
    step_with_library(tensors, factors);
  }
  // Neither way raises the version counters, by which copies of parameters (operand.h) and graphs
  // of older steps learn of the change.
  for (const Tensor* changed : {&tensors.param, &tensors.copy}) {
    if (changed->defined()) changed->unsafeGetTensorImpl()->bump_version();
  }
}

}  // namespace convmae::ops
