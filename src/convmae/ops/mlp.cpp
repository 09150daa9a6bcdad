#include "convmae/ops/mlp.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/gelu_kernel.h"
#include "convmae/ops/gemm.h"
#include "convmae/ops/kernel_dispatch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The GELU has no kernel for float64, which only tests compute in.
bool has_gelu_kernel(const Tensor& x) { return has_kernel(x) && x.scalar_type() != at::kDouble; }

gelu_kernel::Kernels kernels_for(const Tensor& x) {
  return for_this_cpu(gelu_kernel::kernels_baseline, gelu_kernel::kernels_avx2,
                      gelu_kernel::kernels_avx512)(element_of(x));
}

constexpr std::int64_t kGrain = 32768;

Tensor gelu_values(const Tensor& input) {
  if (!has_gelu_kernel(input)) return at::gelu(input);
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
  if (!has_gelu_kernel(input)) return at::gelu_backward(grad, input);
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

/// gelu(input), and the gradient of the input for the gradient `grad` of that, which is
/// overwritten.
std::pair<Tensor, Tensor> gelu_values_and_gradient(const Tensor& input, const Tensor& grad) {
  if (!has_gelu_kernel(input)) return {at::gelu(input), at::gelu_backward(grad, input)};
  const Tensor x = input.contiguous();
  Tensor grad_x = grad.contiguous();
  Tensor y = at::empty_like(x);
  const auto kernels = kernels_for(x);
  const auto* from = static_cast<const std::byte*>(x.const_data_ptr());
  auto* to = static_cast<std::byte*>(y.mutable_data_ptr());
  auto* to_grad = static_cast<std::byte*>(grad_x.mutable_data_ptr());
  const auto size = static_cast<std::int64_t>(x.element_size());
  at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels.both(from + begin * size, to_grad + begin * size, to + begin * size,
                 to_grad + begin * size, end - begin);
  });
  return {y, grad_x};
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
  // rows [M, in]; weights are matrices, operands the same in the type of the rows
  static Tensor forward(AutogradContext* context, const Tensor& rows, const Tensor& weight1,
                        const Tensor& operand1, const Tensor& bias1, const Tensor& weight2,
                        const Tensor& operand2, const Tensor& bias2) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const Tensor hidden = product(rows, operand1, bias1);
    context->save_for_backward({rows, operand1, operand2, hidden});
    context->saved_data["weight_type"] = weight1.scalar_type();
    TORCH_CHECK(weight2.scalar_type() == weight1.scalar_type(), "mlp: weights of two types");
    return product(gelu_values(hidden), operand2, bias2);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& rows = saved[0];
    const Tensor& operand1 = saved[1];
    const Tensor& operand2 = saved[2];
    const Tensor& hidden = saved[3];
    const at::ScalarType weight_type = context->saved_data["weight_type"].toScalarType();
    const auto needs = [&](std::size_t input) { return context->needs_input_grad(input); };
    const auto bias_gradient = [&](const Tensor& grad) {
      return grad.sum(0, /*keepdim=*/false, weight_type);
    };
    variable_list result(7);
    const Tensor grad = grads[0].contiguous();
    if (needs(6)) result[6] = bias_gradient(grad);
    const bool needs_hidden = needs(0) || needs(1) || needs(3);
    if (!needs_hidden) {
      if (needs(4)) result[4] = weight_gradient(grad, gelu_values(hidden)).to(weight_type);
      return result;
    }
    const auto [values, grad_hidden] =
        gelu_values_and_gradient(hidden, input_gradient(grad, operand2));
    if (needs(4)) result[4] = weight_gradient(grad, values).to(weight_type);
    if (needs(3)) result[3] = bias_gradient(grad_hidden);
    if (needs(1)) result[1] = weight_gradient(grad_hidden, rows).to(weight_type);
    if (needs(0)) result[0] = input_gradient(grad_hidden, operand1);
    return result;
  }
};

}  // namespace

Tensor gelu(const Tensor& x) { return Gelu::apply(x); }

Tensor mlp(const Tensor& x, const Operand& weight1, const Tensor& bias1, const Operand& weight2,
           const Tensor& bias2) {
  const Tensor operand1 = weight1.matrix_in(x.scalar_type());
  const Tensor operand2 = weight2.matrix_in(x.scalar_type());
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = operand2.size(0);
  return Mlp::apply(as_rows(x, operand1), weight1.matrix(), operand1, bias1, weight2.matrix(),
                    operand2, bias2)
      .view(shape);
}

}  // namespace convmae::ops
