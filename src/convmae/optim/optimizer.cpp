#include "convmae/optim/optimizer.h"

#include "convmae/ops/adamw.h"

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
    for (std::size_t i = 0; i < group.params.size(); ++i) {
      const at::Tensor& param = group.params[i];
      State& state = states_[next_state++].state;
      if (!param.grad().defined()) continue;
      ops::OperandCache* const cache = i < group.caches.size() ? group.caches[i].get() : nullptr;
      const at::Tensor copy = cache == nullptr ? at::Tensor() : cache->copy_to_change(param);
      state.step.add_(1);
      ops::adamw_step({param, param.grad(), state.exp_avg, state.exp_avg_sq, copy},
                      {.lr = lr * group.lr_scale,
                       .beta1 = options_.beta1,
                       .beta2 = options_.beta2,
                       .eps = options_.eps,
                       .weight_decay = group.weight_decay,
                       .step = static_cast<std::int64_t>(state.step.item<float>())});
      if (copy.defined()) cache->renewed(param);
    }
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
