#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// Parameters that an optimizer treats alike.
struct ParamGroup {
  double weight_decay = 0;
  /// Factor on the scheduled learning rate.
  double lr_scale = 1;
  std::vector<std::string> names;
  std::vector<at::Tensor> params;

  void add(std::string name, at::Tensor param);
};

/// The published pretraining groups: parameters with one dimension (norms) and those whose name
/// ends in `.bias` do not decay, all others do, `mask_token` included. Parameters without gradient
/// (fixed position tables) are left out.
std::vector<ParamGroup> weight_decay_groups(const torch::nn::Module& model, double weight_decay);

/// The layer of a classifier's parameter, by its name: 0 for everything before the transformer
/// blocks (tables, tokens, patch embeddings, convolutional stages), i + 1 for transformer block i,
/// num_layers + 1 for what follows the blocks (norm, head). `num_layers` is the number of
/// transformer blocks. Throws c10::Error for a name that no classifier has.
std::int64_t layer_of_parameter(std::string_view name, std::int64_t num_layers);

/// What groups parameters where the learning rate decays over layers.
struct LayerRules {
  /// Of 0 to num_layers + 1.
  std::function<std::int64_t(const std::string& name)> layer;
  /// Whether weight decay acts upon it.
  std::function<bool(const std::string& name, const at::Tensor& parameter)> decays;
};

/// Groups by layer and by whether weights decay: the learning rate of layer i is scaled by
/// layer_decay^(num_layers + 1 - i). Groups stand in the order in which their first parameters do.
std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, double weight_decay,
                                           double layer_decay, std::int64_t num_layers,
                                           const LayerRules& rules);

/// The published fine-tuning groups: the learning rate of layer i is scaled by
/// layer_decay^(num_layers + 1 - i), so that early layers keep what pretraining taught them.
/// Parameters with one dimension, tables and tokens do not decay. Groups stand in the order in
/// which their first parameters do.
std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, double weight_decay,
                                           double layer_decay, std::int64_t num_layers);

}  // namespace convmae
