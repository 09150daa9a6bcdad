#pragma once

#include "convmae/model/named_tensors.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace convmae {

/// An exponential moving average of a model's parameters: after every step
/// average = decay * average + (1 - decay) * parameter. It starts at the model's weights.
class WeightAverage {
 public:
  WeightAverage(const torch::nn::Module& model, double decay);

  void update();
  /// The same if `admitted` ([] bool, on the parameters' device) is true, without waiting for it.
  void update_if(const at::Tensor& admitted);
  /// Exchanges the model's parameters and the average, so that the model computes with the other
  /// one. Exact: a second call restores both.
  void exchange();

  /// The average under `ema.NAME`. Shares memory: writing into it restores a checkpoint.
  NamedTensors tensors() const;

 private:
  double decay_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> averages_;
};

/// While it lives, a model computes with its average, if there is one.
class UseAverage {
 public:
  explicit UseAverage(WeightAverage* average) : average_(average) {
    if (average_ != nullptr) average_->exchange();
  }
  ~UseAverage() {
    if (average_ != nullptr) average_->exchange();
  }
  UseAverage(const UseAverage&) = delete;
  UseAverage& operator=(const UseAverage&) = delete;

 private:
  WeightAverage* average_;
};

}  // namespace convmae
