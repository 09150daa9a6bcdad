#include "convmae/optim/weight_average.h"

#include <ATen/ATen.h>

namespace convmae {

WeightAverage::WeightAverage(const torch::nn::Module& model, double decay) : decay_(decay) {
  for (const auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names_.push_back(item.key());
    parameters_.push_back(item.value());
    averages_.push_back(item.value().detach().clone());
  }
}

void WeightAverage::update() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    averages_[i].lerp_(parameters_[i], 1 - decay_);
  }
}

void WeightAverage::update_if(const at::Tensor& admitted) {
  const at::NoGradGuard no_grad;
  const at::Tensor share = admitted.to(at::kFloat) * (1 - decay_);
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    averages_[i].lerp_(parameters_[i], share.to(averages_[i].scalar_type()));
  }
}

void WeightAverage::exchange() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    const at::Tensor kept = parameters_[i].clone();
    parameters_[i].copy_(averages_[i]);
    averages_[i].copy_(kept);
  }
}

NamedTensors WeightAverage::tensors() const {
  NamedTensors tensors;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    tensors.emplace_back("ema." + names_[i], averages_[i]);
  }
  return tensors;
}

}  // namespace convmae
