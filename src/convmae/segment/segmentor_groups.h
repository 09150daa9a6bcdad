#pragma once

#include "convmae/optim/param_groups.h"
#include "convmae/segment/segmentor.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace convmae {

/// The layer of a segmentor's parameter, by its name: 0 for everything before the transformer
/// blocks, i + 1 for transformer block i, num_layers + 1 for the rest, which is new: heads, the
/// fourth map, and a table of relative positions that all blocks share.
std::int64_t layer_of_segmentor_parameter(std::string_view name, std::int64_t num_layers);

/// The published groups (`LayerDecayOptimizerConstructor`): the learning rate of layer i is scaled
/// by layer_decay^(num_layers + 1 - i). Parameters with one dimension do not decay; position tables
/// of both kinds do.
std::vector<ParamGroup> segmentor_groups(const Segmentor& segmentor, double weight_decay,
                                         double layer_decay);

}  // namespace convmae
