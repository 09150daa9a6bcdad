#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace convmae {

/// Parameters that an optimizer treats alike.
struct ParamGroup {
  double weight_decay = 0;
  /// Factor on the scheduled learning rate.
  double lr_scale = 1;
  std::vector<std::string> names;
  std::vector<at::Tensor> params;
};

/// The published pretraining groups: parameters with one dimension (norms) and those whose name
/// ends in `.bias` do not decay, all others do, `mask_token` included. Parameters without gradient
/// (fixed position tables) are left out.
std::vector<ParamGroup> weight_decay_groups(const torch::nn::Module& model, double weight_decay);

}  // namespace convmae
