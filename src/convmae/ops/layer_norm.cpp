#include "convmae/ops/layer_norm.h"

#include "convmae/ops/layer_norm_passes.h"
#include "convmae/ops/once_differentiable.h"

#include <torch/csrc/autograd/custom_function.h>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class LayerNormFunction : public torch::autograd::Function<LayerNormFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, double eps) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const NormPass pass(x, weight, bias, eps);
    context->save_for_backward(pass.saved());
    return pass.result();
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    refuse_second_derivative("layer_norm");
    const variable_list saved = context->get_saved_variables();
    NormPass pass(saved);
    const auto result = pass.backward(grads[0], NormPass::Again::no);
    return {result.x, result.weight, result.bias, Tensor()};
  }
};

}  // namespace

Tensor layer_norm(const Tensor& x, const Norm& norm) {
  check_norm(x, norm);
  return LayerNormFunction::apply(x, norm.weight, norm.bias, norm.eps);
}

}  // namespace convmae::ops
