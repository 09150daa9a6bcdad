#include "convmae/ops/linear.h"

#include "convmae/ops/gemm.h"

#include <torch/csrc/autograd/custom_function.h>

#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class Linear : public torch::autograd::Function<Linear> {
 public:
  // rows [M, in]; weight [out, in]; operand the same in the type of the rows; bias [out] or
  // undefined
  static Tensor forward(AutogradContext* context, const Tensor& rows, const Tensor& weight,
                        const Tensor& operand, const std::optional<Tensor>& bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({rows, operand});
    context->saved_data["weight_type"] = weight.scalar_type();
    context->saved_data["has_bias"] = bias.has_value();
    return product(rows, operand, bias);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& rows = saved[0];
    const Tensor& operand = saved[1];
    const at::ScalarType weight_type = context->saved_data["weight_type"].toScalarType();
    const Tensor grad = grads[0].contiguous();
    variable_list result(4);
    if (context->needs_input_grad(0)) result[0] = input_gradient(grad, operand);
    if (context->needs_input_grad(1)) result[1] = weight_gradient(grad, rows).to(weight_type);
    // An absent input has no number of its own.
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(3)) {
      result[3] = grad.sum(0, /*keepdim=*/false, weight_type);
    }
    return result;
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Operand& weight, const std::optional<Tensor>& bias) {
  const Tensor operand = weight.matrix_in(x.scalar_type());
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = operand.size(0);
  return Linear::apply(as_rows(x, operand), weight.matrix(), operand, bias).view(shape);
}

}  // namespace convmae::ops
