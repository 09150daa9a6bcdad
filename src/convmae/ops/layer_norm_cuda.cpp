#include "convmae/ops/cuda_start.h"
#include "convmae/ops/kernel_choice.h"
#include "convmae/ops/kernels/cuda/layer_norm.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/layer_norm_passes.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

namespace convmae::ops {
namespace {

using at::Tensor;

bool use_cuda_kernel(const Tensor& x) {
  return has_element(x) && x.numel() > 0 && kernel_choice() == KernelChoice::own;
}

NormResult norm_cuda(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  if (!use_cuda_kernel(x)) return library_norm(x, weight, bias, eps);
  const at::ScalarType type = accumulation_type(x);
  const Tensor scale = weight.to(type).contiguous();
  const Tensor shift = bias.to(type).contiguous();
  Tensor result = at::empty_like(x);
  Tensor mean = at::empty({x.numel() / x.size(-1)}, x.options().dtype(type));
  Tensor inverse_deviation = at::empty_like(mean);
  const layer_norm_kernel::Forward problem{
      .rows = mean.numel(),
      .dim = x.size(-1),
      .x = x.const_data_ptr(),
      .weight = scale.const_data_ptr(),
      .bias = shift.const_data_ptr(),
      .eps = eps,
      .y = result.mutable_data_ptr(),
      .mean = mean.mutable_data_ptr(),
      .inverse_deviation = inverse_deviation.mutable_data_ptr()};
  start_on_device_of(x, "layer_norm", [&](void* stream) {
    return layer_norm_cuda::forward(element_of(x), problem, stream);
  });
  return {result, mean, inverse_deviation};
}

NormGradients norm_backward_cuda(const Tensor& grad, const Tensor& x, const Tensor& weight,
                                 const Tensor& bias, const Tensor& mean,
                                 const Tensor& inverse_deviation, bool again) {
  if (!use_cuda_kernel(x)) {
    return library_norm_backward(grad, x, weight, bias, mean, inverse_deviation, again);
  }
  constexpr std::int64_t kLeastRows = 32;
  const at::ScalarType type = accumulation_type(x);
  const std::int64_t dim = x.size(-1);
  const Tensor grad_y = grad.contiguous();
  const Tensor scale = weight.to(type).contiguous();
  const Tensor shift = bias.to(type).contiguous();
  Tensor grad_x = at::empty_like(x);
  Tensor result = again ? at::empty_like(x) : Tensor();
  const layer_norm_kernel::Backward problem{.rows = mean.numel(),
                                            .dim = dim,
                                            .x = x.const_data_ptr(),
                                            .weight = scale.const_data_ptr(),
                                            .mean = mean.const_data_ptr(),
                                            .inverse_deviation = inverse_deviation.const_data_ptr(),
                                            .grad_y = grad_y.const_data_ptr(),
                                            .grad_x = grad_x.mutable_data_ptr(),
                                            .bias = shift.const_data_ptr(),
                                            .y = again ? result.mutable_data_ptr() : nullptr};
  const std::int64_t parts = parts_of(problem.rows, kLeastRows);
  const Tensor sums = at::empty({parts, 2, dim}, x.options().dtype(type));
  start_on_device_of(x, "layer_norm", [&](void* stream) {
    const int code = layer_norm_cuda::input_gradient(element_of(x), problem, stream);
    return code != 0 ? code
                     : layer_norm_cuda::parameter_gradients(element_of(x), problem,
                                                            sums.mutable_data_ptr(), parts, stream);
  });
  const Tensor parameters = sums.sum(0).to(weight.scalar_type());
  return {grad_x, parameters[0], parameters[1], result};
}

TORCH_LIBRARY_IMPL(convmae, CUDA, library) {
  library.impl("layer_norm_rows", norm_cuda);
  library.impl("layer_norm_rows_backward", norm_backward_cuda);
}

}  // namespace
}  // namespace convmae::ops
