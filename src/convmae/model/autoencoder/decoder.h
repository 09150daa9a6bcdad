#pragma once

#include "convmae/model/config.h"
#include "convmae/model/encoder/transformer_block.h"

#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// The decoder of MAE and ConvMAE: tokens in their places, a mask token in the gaps, transformer
/// blocks, a linear prediction of every block's pixels (MAE, section 3).
class Decoder : public torch::nn::Module {
 public:
  /// For the latents of that encoder, those of a `vit` with a class token. Takes its MLP ratio from
  /// the encoder's first stage, as published.
  Decoder(const DecoderConfig& config, const EncoderConfig& encoder);

  /// latent [rows, V, D], or [rows, 1 + V, D] with the class token first; slot [rows, L] says which
  /// row of the latent a block has, -1 for a removed one. -> [rows, L, n], or, of the `wanted`
  /// blocks [rows, R] int64 alone, [rows, R, n].
  at::Tensor forward(const at::Tensor& latent, const at::Tensor& slot,
                     const std::optional<at::Tensor>& wanted = std::nullopt);

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
