#include "convmae/optim/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/ops/_fused_adamw.h>

#include <optional>
#include <utility>

namespace convmae {
namespace {

/// The gradient in the order in memory of its parameter, which the library takes for granted.
at::Tensor gradient_like(const at::Tensor& param) {
  const at::Tensor& grad = param.grad();
  if (grad.strides() == param.strides()) return grad;
  return at::empty_like(param).copy_(grad);
}

/// What a step of one group changes, and its gradients.
struct Tensors {
  std::vector<at::Tensor> params;
  std::vector<at::Tensor> grads;
  std::vector<at::Tensor> averages;
  std::vector<at::Tensor> squares;
  std::vector<at::Tensor> steps;
};

}  // namespace

AdamW::AdamW(std::vector<ParamGroup> groups, AdamWOptions options)
    : Optimizer(std::move(groups)), options_(options) {
  for (const ParamGroup& group : this->groups()) {
    for (std::size_t i = 0; i < group.params.size(); ++i) {
      const at::Tensor& param = group.params[i];
      states_.push_back({group.names[i],
                         {at::zeros_like(param, param.options().requires_grad(false)),
                          at::zeros_like(param, param.options().requires_grad(false)),
                          at::zeros({}, param.options().dtype(at::kFloat).requires_grad(false))}});
    }
  }
}

void AdamW::move(double lr, const std::optional<at::Tensor>& admitted) {
  const at::NoGradGuard no_grad;
  last_lr_ = lr;
  std::optional<at::Tensor> taken;     // 1 where this is a step
  std::optional<at::Tensor> left_out;  // 1 where nothing is to move
  if (admitted) {
    taken = admitted->to(at::kFloat);
    left_out = 1 - *taken;
  }
  std::size_t next_state = 0;
  for (const ParamGroup& group : groups()) {
    Tensors tensors;
    for (const at::Tensor& param : group.params) {
      const State& state = states_[next_state++].state;
      if (!param.grad().defined()) continue;
      tensors.params.push_back(param);
      tensors.grads.push_back(gradient_like(param));
      tensors.averages.push_back(state.exp_avg);
      tensors.squares.push_back(state.exp_avg_sq);
      tensors.steps.push_back(state.step);
    }
    if (tensors.params.empty()) continue;
    if (taken) {
      at::_foreach_add_(tensors.steps, *taken);
    } else {
      at::_foreach_add_(tensors.steps, 1);
    }
    at::_fused_adamw_(tensors.params, tensors.grads, tensors.averages, tensors.squares,
                      /*max_exp_avg_sqs=*/{}, tensors.steps, lr * group.lr_scale, options_.beta1,
                      options_.beta2, group.weight_decay, options_.eps, /*amsgrad=*/false,
                      /*maximize=*/false, /*grad_scale=*/std::nullopt, /*found_inf=*/left_out);
    // The library does not raise the version counters, by which copies of parameters
    // (ops/operand.h) and graphs of older steps learn of the change.
    for (const at::Tensor& param : tensors.params) param.unsafeGetTensorImpl()->bump_version();
  }
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state_tensors() const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const NamedState& item : states_) {
    tensors.emplace_back(kAveragePrefix + item.name, item.state.exp_avg);
    tensors.emplace_back(kSquarePrefix + item.name, item.state.exp_avg_sq);
    tensors.emplace_back(kStepPrefix + item.name, item.state.step);
  }
  return tensors;
}

void Optimizer::zero_grad() {
  for (const ParamGroup& group : groups_) {
    for (const at::Tensor& param : group.params) param.mutable_grad().reset();
  }
}

std::vector<at::Tensor> Optimizer::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const ParamGroup& group : groups_) {
    for (const at::Tensor& param : group.params) {
      if (param.grad().defined()) gradients.push_back(param.grad());
    }
  }
  return gradients;
}

}  // namespace convmae
