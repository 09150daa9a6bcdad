#include "convmae/ops/linear.h"

#include "convmae/ops/gemm.h"
#include "convmae/ops/linear_input.h"
#include "convmae/ops/once_differentiable.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <span>
#include <utility>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  // rows [M, in]; weight [out, in]; operand the same in the type of the rows; bias [out]; norm
  // weight and bias [in]. Absent tensors come last: they have no number for needs_input_grad().
  static Tensor forward(AutogradContext* context, const Tensor& rows, const Tensor& weight,
                        const Tensor& operand, const std::optional<Tensor>& bias,
                        const std::optional<Tensor>& norm_weight,
                        const std::optional<Tensor>& norm_bias, double eps, GemmPolicy gemm) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const LinearInput input(rows, norm_weight, norm_bias, eps);
    variable_list saved{operand};
    input.save_to(saved);
    context->save_for_backward(std::move(saved));
    context->saved_data["weight_type"] = weight.scalar_type();
    context->saved_data["has_bias"] = bias.has_value();
    context->saved_data["gemm"] = gemm.number();
    return linear_forward(input.operand(), operand, bias, gemm);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    refuse_second_derivative("linear");
    const variable_list saved = context->get_saved_variables();
    const Tensor& operand = saved[0];
    LinearInput input{std::span(saved).subspan(1)};
    const at::ScalarType weight_type = context->saved_data["weight_type"].toScalarType();
    const GemmPolicy gemm = GemmPolicy::of_number(context->saved_data["gemm"].toInt());
    const Tensor grad = grads[0].contiguous();
    variable_list result(8);
    if (input.has_norm() || context->needs_input_grad(0)) {
      auto inner = input.backward(input_gradient(grad, operand, gemm));
      result[0] = inner.x;
      result[4] = inner.weight;
      result[5] = inner.bias;
    }
    if (context->needs_input_grad(1)) {
      result[1] = weight_gradient(grad, input.operand(), weight_type, gemm);
    }
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(3)) {
      result[3] = bias_gradient(grad, weight_type);
    }
    return result;
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Operand& weight, const std::optional<Tensor>& bias,
              const std::optional<Norm>& norm) {
  if (norm) check_norm(x, *norm);
  const Tensor operand = weight.matrix_in(x.scalar_type());
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = operand.size(0);
  const Tensor rows = as_rows(x, operand);
  if (norm && !at::GradMode::is_enabled()) {
    return by_chunks(rows, operand.size(0), norm,
                     [&](const Tensor& chunk) {
                       return linear_forward(chunk, operand, bias, weight.gemm);
                     })
        .view(shape);
  }
  return LinearFunction::apply(rows, weight.matrix(), operand, bias, weight_of(norm), bias_of(norm),
                               norm ? norm->eps : 0.0, weight.gemm)
      .view(shape);
}

}  // namespace convmae::ops
