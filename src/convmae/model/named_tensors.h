#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <utility>
#include <vector>

namespace convmae {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Parameters and buffers under their published names.
NamedTensors named_tensors(const torch::nn::Module& module);

}  // namespace convmae
