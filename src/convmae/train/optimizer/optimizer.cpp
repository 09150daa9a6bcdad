#include "convmae/train/optimizer/optimizer.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {

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

void AdamW::step(double lr) {
  const at::NoGradGuard no_grad;
  last_lr_ = lr;
  std::size_t next_state = 0;
  for (const ParamGroup& group : groups()) {
    std::vector<at::Tensor> params;
    std::vector<at::Tensor> grads;
    std::vector<at::Tensor> exp_avgs;
    std::vector<at::Tensor> exp_avg_sqs;
    std::vector<at::Tensor> steps;
    for (const at::Tensor& param : group.params) {
      const State& state = states_[next_state++].state;
      if (!param.grad().defined()) continue;
      params.push_back(param);
      grads.push_back(param.grad());
      exp_avgs.push_back(state.exp_avg);
      exp_avg_sqs.push_back(state.exp_avg_sq);
      steps.push_back(state.step);
    }
    if (params.empty()) continue;
    for (at::Tensor& step : steps) step.add_(1);
    at::_fused_adamw_(params, grads, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps,
                      lr * group.lr_scale, options_.beta1, options_.beta2, group.weight_decay,
                      options_.eps, /*amsgrad=*/false, /*maximize=*/false);
    // The fused update leaves the version counters as they were, by which copies of parameters
    // (ops/operand.h) and graphs of older steps learn of the change.
    for (const at::Tensor& param : params) param.unsafeGetTensorImpl()->bump_version();
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
