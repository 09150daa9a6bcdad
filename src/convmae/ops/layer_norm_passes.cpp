#include "convmae/ops/layer_norm_passes.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/kernels/layer_norm.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

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

NormResult forward_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  if (!use_kernel(x)) return library_norm(x, weight, bias, eps);
  const at::ScalarType type = accumulation_type(x);
  const std::int64_t dim = x.size(-1);
  const Tensor scale = weight.to(type).contiguous();
  const Tensor shift = bias.to(type).contiguous();
  Tensor result = at::empty_like(x);
  Tensor mean = at::empty({x.numel() / dim}, x.options().dtype(type));
  Tensor inverse_deviation = at::empty_like(mean);
  const auto kernels = kernels_for(x);
  for_each_part(mean.numel(), [&](std::int64_t first, std::int64_t count, std::int64_t /*part*/) {
    const std::int64_t row = dim * x.element_size();
    const std::int64_t number = mean.element_size();
    kernels.forward({.rows = count,
                     .dim = dim,
                     .x = bytes_of(x) + first * row,
                     .weight = scale.const_data_ptr(),
                     .bias = shift.const_data_ptr(),
                     .eps = eps,
                     .y = mutable_bytes_of(result) + first * row,
                     .mean = mutable_bytes_of(mean) + first * number,
                     .inverse_deviation = mutable_bytes_of(inverse_deviation) + first * number});
  });
  return {result, mean, inverse_deviation};
}

NormGradients backward_cpu(const Tensor& grad, const Tensor& x, const Tensor& weight,
                           const Tensor& bias, const Tensor& mean, const Tensor& inverse_deviation,
                           bool again) {
  if (!use_kernel(x)) {
    return library_norm_backward(grad, x, weight, bias, mean, inverse_deviation, again);
  }
  const at::ScalarType type = accumulation_type(x);
  const std::int64_t dim = x.size(-1);
  const Tensor grad_y = grad.contiguous();
  const Tensor scale = weight.to(type).contiguous();
  const Tensor shift = bias.to(type).contiguous();
  Tensor grad_x = at::empty_like(x);
  const Tensor sums = at::zeros({kParts, 2, dim}, x.options().dtype(type));
  Tensor result = again ? at::empty_like(x) : Tensor();
  const auto kernels = kernels_for(x);
  for_each_part(mean.numel(), [&](std::int64_t first, std::int64_t count, std::int64_t part) {
    const std::int64_t row = dim * x.element_size();
    const std::int64_t number = mean.element_size();
    std::byte* const sum = mutable_bytes_of(sums) + part * 2 * dim * number;
    kernels.backward({.rows = count,
                      .dim = dim,
                      .x = bytes_of(x) + first * row,
                      .weight = scale.const_data_ptr(),
                      .mean = bytes_of(mean) + first * number,
                      .inverse_deviation = bytes_of(inverse_deviation) + first * number,
                      .grad_y = bytes_of(grad_y) + first * row,
                      .grad_x = mutable_bytes_of(grad_x) + first * row,
                      .grad_weight = sum,
                      .grad_bias = sum + dim * number,
                      .bias = shift.const_data_ptr(),
                      .y = again ? mutable_bytes_of(result) + first * row : nullptr});
  });
  const Tensor parameters = sums.sum(0).to(weight.scalar_type());
  return {grad_x, parameters[0], parameters[1], result};
}

// ---- Shapes only ----

NormResult forward_meta(const Tensor& x, const Tensor& weight, const Tensor& /*bias*/,
                        double /*eps*/) {
  const Tensor numbers = at::empty({weight.numel() == 0 ? 0 : x.numel() / weight.numel()},
                                   x.options().dtype(accumulation_type(x)));
  return {at::empty_like(x), numbers, at::empty_like(numbers)};
}

NormGradients backward_meta(const Tensor& /*grad*/, const Tensor& x, const Tensor& weight,
                            const Tensor& bias, const Tensor& /*mean*/,
                            const Tensor& /*inverse_deviation*/, bool again) {
  return {at::empty_like(x), at::empty_like(weight), at::empty_like(bias),
          again ? at::empty_like(x) : Tensor()};
}

// ---- Calls ----

NormResult call_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::layer_norm_rows", "")
                             .typed<decltype(call_forward)>();
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return op.call(x, weight, bias, eps);
}

NormGradients call_backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                            const Tensor& bias, const Tensor& mean, const Tensor& inverse_deviation,
                            bool again) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::layer_norm_rows_backward", "")
                             .typed<decltype(call_backward)>();
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return op.call(grad, x, weight, bias, mean, inverse_deviation, again);
}

}  // namespace

void check_norm(const Tensor& x, const Norm& norm) {
  TORCH_CHECK(x.dim() >= 1 && norm.weight.dim() == 1 && norm.weight.size(0) == x.size(-1) &&
                  norm.bias.sizes() == norm.weight.sizes(),
              "layer_norm: x must be [..., C] and weight and bias [C], found ", x.sizes(), ", ",
              norm.weight.sizes(), " and ", norm.bias.sizes());
}

NormResult library_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const at::ScalarType type = x.scalar_type();
  return at::native_layer_norm(x, weight.sizes(), weight.to(type), bias.to(type), eps);
}

NormGradients library_norm_backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                                    const Tensor& bias, const Tensor& mean,
                                    const Tensor& inverse_deviation, bool again) {
  const at::ScalarType type = x.scalar_type();
  const Tensor scale = weight.to(type);
  const Tensor shift = bias.to(type);
  const auto [grad_x, grad_weight, grad_bias] =
      at::native_layer_norm_backward(grad, x, weight.sizes(), mean, inverse_deviation, scale, shift,
                                     std::array<bool, 3>{true, true, true});
  return {grad_x, grad_weight.to(weight.scalar_type()), grad_bias.to(bias.scalar_type()),
          again ? ((x - mean) * inverse_deviation * weight + bias).to(type) : Tensor()};
}

NormPass::NormPass(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps)
    : x_(x.contiguous()), weight_(weight), bias_(bias) {
  std::tie(result_, mean_, inverse_deviation_) = call_forward(x_, weight, bias, eps);
}

NormPass::NormPass(std::span<const Tensor> saved)
    : x_(saved[0]),
      weight_(saved[1]),
      bias_(saved[2]),
      mean_(saved[3]),
      inverse_deviation_(saved[4]) {}

NormPass::Gradients NormPass::backward(const Tensor& grad, Again again) {
  Gradients gradients;
  std::tie(gradients.x, gradients.weight, gradients.bias, result_) =
      call_backward(grad, x_, weight_, bias_, mean_, inverse_deviation_, again == Again::yes);
  return gradients;
}

TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def(
      "layer_norm_rows(Tensor x, Tensor weight, Tensor bias, float eps) -> (Tensor, Tensor, "
      "Tensor)");
  library.def(
      "layer_norm_rows_backward(Tensor grad, Tensor x, Tensor weight, Tensor bias, Tensor mean, "
      "Tensor inverse_deviation, bool again) -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("layer_norm_rows", forward_cpu);
  library.impl("layer_norm_rows_backward", backward_cpu);
}

TORCH_LIBRARY_IMPL(convmae, CompositeExplicitAutograd, library) {
  library.impl("layer_norm_rows", library_norm);
  library.impl("layer_norm_rows_backward", library_norm_backward);
}

TORCH_LIBRARY_IMPL(convmae, Meta, library) {
  library.impl("layer_norm_rows", forward_meta);
  library.impl("layer_norm_rows_backward", backward_meta);
}

}  // namespace convmae::ops
