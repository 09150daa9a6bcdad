#include "convmae/ops/layer_norm.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernel_dispatch.h"
#include "convmae/ops/layer_norm_kernel.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstddef>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

layer_norm_kernel::Kernels kernels_for(const Tensor& x) {
  return for_this_cpu(layer_norm_kernel::kernels_baseline, layer_norm_kernel::kernels_avx2,
                      layer_norm_kernel::kernels_avx512)(element_of(x));
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

const std::byte* bytes_of(const Tensor& x) {
  return static_cast<const std::byte*>(x.const_data_ptr());
}
std::byte* mutable_bytes_of(const Tensor& x) {
  return static_cast<std::byte*>(x.mutable_data_ptr());
}

class LayerNorm : public torch::autograd::Function<LayerNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight,
                        const Tensor& bias, double eps) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const Tensor x = input.contiguous();
    const at::ScalarType type = accumulation_type(x);
    const std::int64_t dim = x.size(-1);
    const std::int64_t rows = x.numel() / dim;
    const Tensor scale = weight.to(type).contiguous();
    const Tensor shift = bias.to(type).contiguous();
    Tensor y = at::empty_like(x);
    const Tensor mean = at::empty({rows}, x.options().dtype(type));
    const Tensor inverse_deviation = at::empty_like(mean);
    const auto kernels = kernels_for(x);
    for_each_part(rows, [&](std::int64_t first, std::int64_t count, std::int64_t /*part*/) {
      const std::int64_t row = dim * x.element_size();
      const std::int64_t number = mean.element_size();
      kernels.forward({.rows = count,
                       .dim = dim,
                       .x = bytes_of(x) + first * row,
                       .weight = scale.const_data_ptr(),
                       .bias = shift.const_data_ptr(),
                       .eps = eps,
                       .y = mutable_bytes_of(y) + first * row,
                       .mean = mutable_bytes_of(mean) + first * number,
                       .inverse_deviation = mutable_bytes_of(inverse_deviation) + first * number});
    });
    context->save_for_backward({x, weight, mean, inverse_deviation});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& weight = saved[1];
    const Tensor& mean = saved[2];
    const Tensor& inverse_deviation = saved[3];
    const at::ScalarType type = accumulation_type(x);
    const std::int64_t dim = x.size(-1);
    const Tensor scale = weight.to(type).contiguous();
    const Tensor grad = grads[0].contiguous();
    const Tensor grad_x = at::empty_like(x);
    const Tensor sums = at::zeros({kParts, 2, dim}, x.options().dtype(type));
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
                        .grad_y = bytes_of(grad) + first * row,
                        .grad_x = mutable_bytes_of(grad_x) + first * row,
                        .grad_weight = sum,
                        .grad_bias = sum + dim * number});
    });
    const Tensor parameters = sums.sum(0).to(weight.scalar_type());
    return {grad_x, parameters[0], parameters[1], Tensor()};
  }
};

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  TORCH_CHECK(x.dim() >= 1 && weight.dim() == 1 && weight.size(0) == x.size(-1) &&
                  bias.sizes() == weight.sizes(),
              "layer_norm: x must be [..., C] and weight and bias [C], found ", x.sizes(), ", ",
              weight.sizes(), " and ", bias.sizes());
  if (!has_kernel(x) || x.numel() == 0) {
    return at::layer_norm(x, weight.sizes(), weight.to(x.scalar_type()), bias.to(x.scalar_type()),
                          eps);
  }
  return LayerNorm::apply(x, weight, bias, eps);
}

}  // namespace convmae::ops
