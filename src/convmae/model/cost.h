#pragma once

#include "convmae/model/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What a layer costs in the forward pass of one image that predicts every block. Counted are the
/// multiply-accumulates of GEMMs: of Linears, of convolutions (depthwise ones too) and of
/// attention's two of tokens with tokens; for FastConvMAE those of all its views.
struct LayerCost {
  std::string name;               ///< as in the state dict: patch_embed1, blocks1.0, decoder_pred
  std::int64_t parameters = 0;    ///< with fixed position tables
  std::int64_t trainable = 0;     ///< without them
  std::int64_t dense_macs = 0;    ///< everything before stage 3 computed on the whole image
  std::int64_t visible_macs = 0;  ///< and on the visible blocks alone, as this program does
};

/// A number of a cost. Throws UserError for none: one beyond 64 bits.
std::int64_t counted_cost(const std::optional<std::int64_t>& number);

/// In the order of the state dict, of a valid configuration; the model itself is not made. Throws
/// UserError for numbers beyond 64 bits.
std::vector<LayerCost> layer_costs(const ModelConfig& config);

/// The sum, named "total".
LayerCost total_cost(const std::vector<LayerCost>& layers);

}  // namespace convmae
