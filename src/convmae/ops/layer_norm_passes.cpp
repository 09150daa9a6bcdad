#include "convmae/ops/layer_norm_passes.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/kernels/layer_norm.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace convmae::ops {
namespace {

using at::Tensor;

bool use_kernel(const Tensor& x) { return has_kernel(x) && x.numel() > 0; }

layer_norm_kernel::Kernels kernels_for(const Tensor& x) {
  return for_this_cpu(layer_norm_kernel::kernels_baseline, layer_norm_kernel::kernels_avx2,
                      layer_norm_kernel::kernels_avx512,
                      layer_norm_kernel::kernels_avx512_bf16)(element_of(x));
}

/// Rows are worked on in so many parts, whose sums are added in their order: the number of threads
/// changes no bit.
constexpr std::int64_t kParts = 16;

/// Calls work(first row, number of rows, part) for every part.
template <typename Work>
void for_each_part(std::int64_t rows, Work&& work) {
  const std::int64_t size = (rows + kParts - 1) / kParts;
  at::parallel_for(0, kParts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t first = std::min(part * size, rows);
      work(first, std::min(size, rows - first), part);
    }
  });
}

}  // namespace

void check_norm(const Tensor& x, const Norm& norm) {
  TORCH_CHECK(x.dim() >= 1 && norm.weight.dim() == 1 && norm.weight.size(0) == x.size(-1) &&
                  norm.bias.sizes() == norm.weight.sizes(),
              "layer_norm: x must be [..., C] and weight and bias [C], found ", x.sizes(), ", ",
              norm.weight.sizes(), " and ", norm.bias.sizes());
}

NormPass::NormPass(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps)
    : x_(x.contiguous()), weight_(weight), bias_(bias) {
  if (!use_kernel(x)) {
    const at::ScalarType type = x.scalar_type();
    std::tie(result_, mean_, inverse_deviation_) =
        at::native_layer_norm(x_, weight.sizes(), weight.to(type), bias.to(type), eps);
    return;
  }
  const at::ScalarType type = accumulation_type(x);
  const std::int64_t dim = x.size(-1);
  const std::int64_t rows = x.numel() / dim;
  const Tensor scale = weight.to(type).contiguous();
  const Tensor shift = bias.to(type).contiguous();
  result_ = at::empty_like(x_);
  mean_ = at::empty({rows}, x.options().dtype(type));
  inverse_deviation_ = at::empty_like(mean_);
  const auto kernels = kernels_for(x);
  for_each_part(rows, [&](std::int64_t first, std::int64_t count, std::int64_t /*part*/) {
    const std::int64_t row = dim * x.element_size();
    const std::int64_t number = mean_.element_size();
    kernels.forward({.rows = count,
                     .dim = dim,
                     .x = bytes_of(x_) + first * row,
                     .weight = scale.const_data_ptr(),
                     .bias = shift.const_data_ptr(),
                     .eps = eps,
                     .y = mutable_bytes_of(result_) + first * row,
                     .mean = mutable_bytes_of(mean_) + first * number,
                     .inverse_deviation = mutable_bytes_of(inverse_deviation_) + first * number});
  });
}

NormPass::NormPass(std::span<const Tensor> saved)
    : x_(saved[0]),
      weight_(saved[1]),
      bias_(saved[2]),
      mean_(saved[3]),
      inverse_deviation_(saved[4]) {}

NormPass::Gradients NormPass::backward(const Tensor& grad, Again again) {
  if (use_kernel(x_)) return backward_with_kernel(grad.contiguous(), again);
  const at::ScalarType type = x_.scalar_type();
  const Tensor scale = weight_.to(type);
  const Tensor shift = bias_.to(type);
  const auto [grad_x, grad_weight, grad_bias] =
      at::native_layer_norm_backward(grad, x_, weight_.sizes(), mean_, inverse_deviation_, scale,
                                     shift, std::array<bool, 3>{true, true, true});
  if (again == Again::yes) {
    result_ = ((x_ - mean_) * inverse_deviation_ * weight_ + bias_).to(type);
  }
  return {grad_x, grad_weight.to(weight_.scalar_type()), grad_bias.to(bias_.scalar_type())};
}

NormPass::Gradients NormPass::backward_with_kernel(const Tensor& grad, Again again) {
  const at::ScalarType type = accumulation_type(x_);
  const std::int64_t dim = x_.size(-1);
  const Tensor scale = weight_.to(type).contiguous();
  const Tensor shift = bias_.to(type).contiguous();
  const Tensor grad_x = at::empty_like(x_);
  const Tensor sums = at::zeros({kParts, 2, dim}, x_.options().dtype(type));
  if (again == Again::yes) result_ = at::empty_like(x_);
  const auto kernels = kernels_for(x_);
  for_each_part(mean_.numel(), [&](std::int64_t first, std::int64_t count, std::int64_t part) {
    const std::int64_t row = dim * x_.element_size();
    const std::int64_t number = mean_.element_size();
    std::byte* const sum = mutable_bytes_of(sums) + part * 2 * dim * number;
    kernels.backward(
        {.rows = count,
         .dim = dim,
         .x = bytes_of(x_) + first * row,
         .weight = scale.const_data_ptr(),
         .mean = bytes_of(mean_) + first * number,
         .inverse_deviation = bytes_of(inverse_deviation_) + first * number,
         .grad_y = bytes_of(grad) + first * row,
         .grad_x = mutable_bytes_of(grad_x) + first * row,
         .grad_weight = sum,
         .grad_bias = sum + dim * number,
         .bias = shift.const_data_ptr(),
         .y = again == Again::yes ? mutable_bytes_of(result_) + first * row : nullptr});
  });
  const Tensor parameters = sums.sum(0).to(weight_.scalar_type());
  return {grad_x, parameters[0], parameters[1]};
}

}  // namespace convmae::ops
