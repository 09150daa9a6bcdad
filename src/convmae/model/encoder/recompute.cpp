#include "convmae/model/encoder/recompute.h"

#include "convmae/ops/once_differentiable.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <memory>
#include <utility>

namespace convmae {
namespace {

using Part = std::function<at::Tensor(const at::Tensor&)>;

struct Recompute : torch::autograd::Function<Recompute> {
  /// `inputs`: x, and the parameters that want gradients.
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::TensorList inputs,
                            const Part& f) {
    context->save_for_backward(inputs.vec());
    context->saved_data["part"] = at::IValue::make_capsule(c10::make_intrusive<Kept>(f));
    // As in training: inference may round otherwise, and then the second time would not be the
    // first. What is kept for that goes with the result's history.
    const at::AutoGradMode with_grad(true);
    return f(inputs[0].detach().requires_grad_(inputs[0].requires_grad())).detach();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    ops::refuse_second_derivative("recompute_in_backward");
    torch::autograd::variable_list inputs = context->get_saved_variables();
    const auto kept = context->saved_data["part"].toCapsule();
    const at::AutoGradMode with_grad(true);
    const bool wants_x = context->needs_input_grad(0);
    inputs[0] = inputs[0].detach().requires_grad_(wants_x);
    const at::Tensor y = static_cast<const Kept&>(*kept).part(inputs[0]);
    torch::autograd::variable_list wanted(inputs.begin() + (wants_x ? 0 : 1), inputs.end());
    torch::autograd::variable_list result =
        torch::autograd::grad({y}, wanted, {grads[0]}, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    if (!wants_x) result.insert(result.begin(), at::Tensor());
    result.emplace_back();  // the part
    return result;
  }

 private:
  struct Kept : torch::CustomClassHolder {
    explicit Kept(Part f) : part(std::move(f)) {}
    Part part;
  };
};

}  // namespace

at::Tensor recompute_in_backward(const Part& f, const at::Tensor& x,
                                 std::vector<at::Tensor> parameters) {
  std::erase_if(parameters, [](const at::Tensor& p) { return !p.requires_grad(); });
  if (!at::GradMode::is_enabled() || (parameters.empty() && !x.requires_grad())) return f(x);
  parameters.insert(parameters.begin(), x);
  return Recompute::apply(at::TensorList(parameters), f);
}

}  // namespace convmae
