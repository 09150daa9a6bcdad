#pragma once

#include "convmae/base/geometry.h"
#include "convmae/model/pretrain_model.h"
#include "convmae/model/transformer_block.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace convmae {

struct DecoderConfig {
  std::int64_t encoder_dim = 0;
  std::int64_t dim = 512;
  std::int64_t depth = 8;
  std::int64_t num_heads = 16;
  double mlp_ratio = 4;
  /// Numbers per predicted block: block * block * channels.
  std::int64_t block_numbers = 0;
  Size grid;
  bool class_token = false;
  bool use_pos_embed = true;
};

/// The decoder of MAE and ConvMAE: tokens in their places, a mask token in the gaps, transformer
/// blocks, a linear prediction of every block's pixels (MAE, section 3).
class Decoder : public torch::nn::Module {
 public:
  explicit Decoder(const DecoderConfig& config);

  /// latent [rows, V, D], or [rows, 1 + V, D] with the class token first; slot [rows, L] says which
  /// row of the latent a block has, -1 for a removed one. -> [rows, L, n], or, for
  /// Predict::removed, [rows, L - V, n]: the removed blocks in ascending order.
  at::Tensor forward(const at::Tensor& latent, const at::Tensor& slot, Predict predict);

 private:
  bool class_token_;
  at::Tensor mask_token_;         ///< [1, 1, dim]
  at::Tensor decoder_pos_embed_;  ///< [1, L, dim], with a class token [1, 1 + L, dim]
  std::shared_ptr<Linear> decoder_embed_;
  std::vector<std::shared_ptr<TransformerBlock>> decoder_blocks_;
  std::shared_ptr<LayerNorm> decoder_norm_;
  std::shared_ptr<Linear> decoder_pred_;
};

}  // namespace convmae
