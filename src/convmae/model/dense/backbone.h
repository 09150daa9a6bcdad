#pragma once

#include "convmae/model/config.h"
#include "convmae/model/encoder/encoder.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// Where the attention of an encoder for dense tasks has its relative positions.
enum class RelativePosition {
  none,
  per_block,            ///< a table in every block
  shared,               ///< one table for all, `rel_pos_bias`
  global_and_windowed,  ///< one for the global blocks, one for those in windows:
                        ///< `global_rel_pos_bias`, `windowed_rel_pos_bias`
  decomposed,           ///< vectors along rows and columns in every block
};

/// What decides a backbone's parameters and arithmetic.
struct BackboneConfig {
  /// Its images are those whose grid the relative positions are made for.
  EncoderConfig encoder;
  RelativePosition relative_position = RelativePosition::none;
  std::optional<double> layer_scale;
  double conv_eps = 1e-5;  ///< of the norms in the blocks of stages 1 and 2
  double eps = 1e-6;       ///< of those in the blocks of stage 3
  Window window;
  /// The blocks of stage 3, numbered from 0, that attend in windows.
  std::vector<std::int64_t> windowed_blocks;
  /// The grid of the table of absolute positions, if not the images'.
  std::optional<Size> position_grid;
  bool train_positions = true;
};

/// The ConvMAE encoder as the published segmentor and detectors have it: whole images in, the maps
/// of its stages out. Parameters have the published names.
class Backbone : public torch::nn::Module {
 public:
  explicit Backbone(const BackboneConfig& config);

  /// images [B, C, H, W] -> maps [B, C_s, H_s, W_s] of stages 1, 2 and 3 (`feature_maps`).
  std::vector<at::Tensor> forward(const at::Tensor& images, const DropPath& drop_path = {},
                                  std::array<bool, 3> recompute = {});

 private:
  std::shared_ptr<Encoder> encoder_;
};

}  // namespace convmae
