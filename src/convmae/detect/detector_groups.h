#pragma once

#include "convmae/optim/param_groups.h"

#include <torch/nn/module.h>

#include <cstdint>
#include <string_view>

namespace convmae {

/// Whether weight decay acts upon a parameter of a detector. As published: on everything, biases
/// too, but norms of PyTorch's own (the encoder's, and batch norm), the table of absolute positions
/// and tables of relative ones. The LayerNorms of pyramid and heads are a class of detectron2, so
/// they do decay.
bool decays(std::string_view parameter, bool batch_norm);

/// The layer of a detector's parameter, where the learning rate decays over layers: 0 for patch
/// embeddings and convolutional stages, i + 1 for transformer block i, num_layers + 1 for all else;
/// the published code counts the table of positions there too.
std::int64_t layer_of_detector_parameter(std::string_view name, std::int64_t num_layers);

/// The published groups: the learning rate of layer i is scaled by layer_decay^(num_layers + 1 -
/// i); 1 as the first published detector has it, 0.8 in the second. Groups stand in the order in
/// which their first parameters do. Parameters without gradient are left out.
std::vector<ParamGroup> detector_groups(const torch::nn::Module& detector, double weight_decay,
                                        double layer_decay, std::int64_t num_layers);

}  // namespace convmae
