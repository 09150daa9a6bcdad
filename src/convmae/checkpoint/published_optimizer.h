#pragma once

#include "convmae/io/weights.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// The state of AdamW for one parameter.
struct StoredAdamWState {
  StridedTensor exp_avg;
  StridedTensor exp_avg_sq;
  double step = 0;
};

/// The state of an optimizer as the published training code saves it, by the names of parameters.
struct PublishedOptimizer {
  std::map<std::string, StoredAdamWState> states;
  /// The plain values of each group of parameters: lr, betas, eps, weight_decay, ...
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
};

/// The published training code numbers the parameters of its optimizer: all that are trained, first
/// those without weight decay (one dimension, or a bias), then the others, both in the order of the
/// state dict. Returns the names of both groups.
std::vector<std::vector<std::string>> published_parameter_groups(std::span<const Weight> weights);

/// The optimizer state of a `.pth` file, of a safetensors file that was made of one, or of a
/// training checkpoint of ours. Throws UserError if it is not that of AdamW for the file's weights.
PublishedOptimizer read_published_optimizer(const WeightFile& file);

/// The same as the published code saves it: the state_dict of its optimizer for `weights`.
Value write_published_optimizer(ValueArena& arena, std::span<const Weight> weights,
                                const PublishedOptimizer& optimizer);

}  // namespace convmae
