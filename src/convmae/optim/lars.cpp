#include "convmae/optim/lars.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {
namespace {

/// The gradient as it enters the momentum.
at::Tensor scaled_gradient(const at::Tensor& param, double weight_decay, double trust_coefficient) {
  if (param.dim() <= 1) return param.grad();
  const at::Tensor update = param.grad().add(param, weight_decay);
  const at::Tensor param_norm = param.norm();
  const at::Tensor update_norm = update.norm();
  const at::Tensor trusted = trust_coefficient * param_norm / update_norm;
  return update * at::where((param_norm > 0).logical_and(update_norm > 0), trusted, 1.0);
}

}  // namespace

Lars::Lars(std::vector<ParamGroup> groups, LarsOptions options)
    : Optimizer(std::move(groups)), options_(options) {
  for (const ParamGroup& group : this->groups()) {
    for (std::size_t i = 0; i < group.params.size(); ++i) {
      states_.push_back({group.names[i], at::zeros_like(group.params[i])});
    }
  }
}

void Lars::move(double lr, const std::optional<at::Tensor>& admitted) {
  const at::NoGradGuard no_grad;
  const auto take = [&](const at::Tensor& value, const at::Tensor& next) {
    value.copy_(admitted ? at::where(*admitted, next, value) : next);
  };
  auto state = states_.begin();
  for (const ParamGroup& group : groups()) {
    for (const at::Tensor& param : group.params) {
      const at::Tensor& mu = (state++)->mu;
      if (!param.grad().defined()) continue;
      const at::Tensor next =
          mu.mul(options_.momentum)
              .add_(scaled_gradient(param, group.weight_decay, options_.trust_coefficient));
      take(param, param.sub(next, lr * group.lr_scale));
      take(mu, next);
    }
  }
}

std::vector<std::pair<std::string, at::Tensor>> Lars::state_tensors() const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const NamedState& item : states_) {
    tensors.emplace_back("optimizer.mu." + item.name, item.mu);
  }
  return tensors;
}

}  // namespace convmae
