#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <set>
#include <string>

namespace convmae {

/// How the weights of Linear layers start.
enum class LinearInit {
  xavier,  ///< uniform: pretraining
  normal,  ///< with deviation 0.02: fine-tuning
};

/// Sets every trainable parameter as the published code does at start: Linear weights as asked for
/// with zero bias, LayerNorm 1 and 0, convolutions PyTorch's default (uniform within 1/sqrt(fan
/// in), bias too), tokens and trained position tables normal with deviation 0.02, tables of
/// relative positions 0. `xavier` names convolution weights that are initialised like a
/// Xavier-uniform Linear (the last patch embedding in pretraining). A parameter's draws depend on
/// the seed and its own name alone.
void initialise_parameters(torch::nn::Module& model, std::uint64_t seed,
                           const std::set<std::string>& xavier,
                           LinearInit linear = LinearInit::xavier);

/// Normal numbers with that deviation for one parameter, drawn for its name.
void initialise_normal(const at::Tensor& parameter, std::uint64_t seed, const std::string& name,
                       double deviation);
/// The same of those that are at most `most` away from 0.
void initialise_truncated_normal(const at::Tensor& parameter, std::uint64_t seed,
                                 const std::string& name, double deviation, double most);
/// Numbers between -bound and bound, all equally likely.
void initialise_uniform(const at::Tensor& parameter, std::uint64_t seed, const std::string& name,
                        double bound);

}  // namespace convmae
