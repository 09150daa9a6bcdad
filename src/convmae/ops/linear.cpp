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
  // rows [M, in], weight [out, in], bias [out] or undefined
  static Tensor forward(AutogradContext* context, const Tensor& rows, const Tensor& weight,
                        const std::optional<Tensor>& bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({rows, weight});
    context->saved_data["has_bias"] = bias.has_value();
    return gemm(rows, weight, bias);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& rows = saved[0];
    const Tensor& weight = saved[1];
    const Tensor grad = grads[0].contiguous();
    variable_list result(3);
    if (context->needs_input_grad(0)) result[0] = gemm(grad, weight.t());
    if (context->needs_input_grad(1)) result[1] = weight_gradient(grad, rows);
    // An absent input has no number of its own.
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(2)) {
      result[2] = grad.sum(0);
    }
    return result;
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const Tensor matrix = as_matrix(weight);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = matrix.size(0);
  return Linear::apply(as_rows(x, matrix), matrix, bias).view(shape);
}

}  // namespace convmae::ops
