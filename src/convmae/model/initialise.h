#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <set>
#include <string>

namespace convmae {

/// Sets every trainable parameter of a pretraining model as the published code does at start:
/// Linear weights Xavier-uniform with zero bias, LayerNorm 1 and 0, convolutions PyTorch's default
/// (uniform within 1/sqrt(fan in), bias too), tokens normal with deviation 0.02. `xavier` names
/// convolution weights that are initialised like a Linear (the last patch embedding).
/// A parameter's draws depend on the seed and its own name alone.
void initialise_parameters(torch::nn::Module& model, std::uint64_t seed,
                           const std::set<std::string>& xavier);

}  // namespace convmae
