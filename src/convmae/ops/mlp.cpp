#include "convmae/ops/mlp.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/gelu_kernel.h"
#include "convmae/ops/gemm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool has_kernel(const Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

gelu_kernel::Kernels kernels_for(const Tensor& x) {
  const auto element =
      x.scalar_type() == at::kFloat ? gelu_kernel::Element::f32 : gelu_kernel::Element::bf16;
  return for_this_cpu(gelu_kernel::kernels_baseline, gelu_kernel::kernels_avx2,
                      gelu_kernel::kernels_avx512)(element);
}

constexpr std::int64_t kGrain = 32768;

Tensor gelu_values(const Tensor& input) {
  if (!has_kernel(input)) return at::gelu(input);
  const Tensor x = input.contiguous();
  Tensor y = at::empty_like(x);
  const auto kernels = kernels_for(x);
  const auto* from = static_cast<const std::byte*>(x.const_data_ptr());
  auto* to = static_cast<std::byte*>(y.mutable_data_ptr());
  const auto size = static_cast<std::int64_t>(x.element_size());
  at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels.forward(from + begin * size, to + begin * size, end - begin);
  });
  return y;
}

Tensor gelu_gradient(const Tensor& input, const Tensor& grad) {
  if (!has_kernel(input)) return at::gelu_backward(grad, input);
  const Tensor x = input.contiguous();
  const Tensor grad_y = grad.contiguous();
  Tensor grad_x = at::empty_like(x);
  const auto kernels = kernels_for(x);
  const auto* from = static_cast<const std::byte*>(x.const_data_ptr());
  const auto* from_grad = static_cast<const std::byte*>(grad_y.const_data_ptr());
  auto* to = static_cast<std::byte*>(grad_x.mutable_data_ptr());
  const auto size = static_cast<std::int64_t>(x.element_size());
  at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels.backward(from + begin * size, from_grad + begin * size, to + begin * size, end - begin);
  });
  return grad_x;
}

class Gelu : public torch::autograd::Function<Gelu> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x});
    return gelu_values(x);
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    return {gelu_gradient(context->get_saved_variables()[0], grads[0])};
  }
};

class Mlp : public torch::autograd::Function<Mlp> {
 public:
  // rows [M, in]; weights are matrices
  static Tensor forward(AutogradContext* context, const Tensor& rows, const Tensor& weight1,
                        const Tensor& bias1, const Tensor& weight2, const Tensor& bias2) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const Tensor hidden = gemm(rows, weight1, bias1);
    context->save_for_backward({rows, weight1, weight2, hidden});
    return gemm(gelu_values(hidden), weight2, bias2);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& rows = saved[0];
    const Tensor& weight1 = saved[1];
    const Tensor& weight2 = saved[2];
    const Tensor& hidden = saved[3];
    const auto needs = [&](std::size_t input) { return context->needs_input_grad(input); };
    variable_list result(5);
    const Tensor grad = grads[0].contiguous();
    if (needs(4)) result[4] = grad.sum(0);
    if (needs(3)) result[3] = weight_gradient(grad, gelu_values(hidden));
    if (!needs(0) && !needs(1) && !needs(2)) return result;
    const Tensor grad_hidden = gelu_gradient(hidden, gemm(grad, weight2.t()));
    if (needs(2)) result[2] = grad_hidden.sum(0);
    if (needs(1)) result[1] = weight_gradient(grad_hidden, rows);
    if (needs(0)) result[0] = gemm(grad_hidden, weight1.t());
    return result;
  }
};

}  // namespace

Tensor gelu(const Tensor& x) { return Gelu::apply(x); }

Tensor mlp(const Tensor& x, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2,
           const Tensor& bias2) {
  const Tensor matrix1 = as_matrix(weight1);
  const Tensor matrix2 = as_matrix(weight2);
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = matrix2.size(0);
  return Mlp::apply(as_rows(x, matrix1), matrix1, bias1, matrix2, bias2).view(shape);
}

}  // namespace convmae::ops
