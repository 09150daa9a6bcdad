#include "convmae/model/autoencoder/decoder.h"

#include "convmae/model/encoder/module_list.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/masking/visibility.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace convmae {
namespace {

/// Rows of `tokens` [B, V, C] where slot [B, L] names one, the mask token elsewhere: [B, L, C].
at::Tensor fill_in(const at::Tensor& tokens, const at::Tensor& mask_token, const at::Tensor& slot) {
  const std::int64_t rows = tokens.size(0);
  const std::int64_t count = tokens.size(1);
  const std::int64_t dim = tokens.size(2);
  const at::Tensor all = at::cat(
      {tokens.reshape({rows * count, dim}), mask_token.view({1, dim}).to(tokens.scalar_type())});
  const at::Tensor first = at::arange(rows, slot.options()).mul(count).unsqueeze(1);
  const at::Tensor index = at::where(slot >= 0, first + slot, rows * count);
  return all.index_select(0, index.flatten()).view({rows, slot.size(1), dim});
}

}  // namespace

Decoder::Decoder(const DecoderConfig& config, const EncoderConfig& encoder)
    : class_token_(encoder.kind == EncoderKind::vit) {
  const Geometry geometry = geometry_of(encoder);
  const std::int64_t block = geometry.block();
  const std::int64_t dim = config.embed_dim;
  mask_token_ = register_parameter("mask_token", torch::empty({1, 1, dim}));
  decoder_pos_embed_ = register_parameter(
      "decoder_pos_embed",
      position_parameter(dim, geometry.grid(), class_token_, config.use_pos_embed),
      /*requires_grad=*/false);
  decoder_embed_ =
      register_module("decoder_embed", std::make_shared<Linear>(encoder.embed_dim.back(), dim));
  decoder_blocks_ = register_list(*this, "decoder_blocks", config.depth, [&](std::int64_t) {
    return std::make_shared<TransformerBlock>(
        TransformerBlockConfig{dim, config.num_heads, encoder.mlp_ratio[0], {}});
  });
  decoder_norm_ = register_module("decoder_norm", std::make_shared<LayerNorm>(dim, 1e-6));
  decoder_pred_ = register_module("decoder_pred",
                                  std::make_shared<Linear>(dim, block * block * encoder.in_chans));
}

at::Tensor Decoder::forward(const at::Tensor& latent, const at::Tensor& slot,
                            const std::optional<at::Tensor>& wanted) {
  const std::int64_t extra = class_token_ ? 1 : 0;
  const at::Tensor tokens = decoder_embed_->forward(latent);
  at::Tensor x = fill_in(tokens.narrow(1, extra, tokens.size(1) - extra), mask_token_, slot);
  if (class_token_) x = at::cat({tokens.narrow(1, 0, 1), x}, 1);
  x = x + decoder_pos_embed_.to(x.scalar_type());

  TokenSelection last;
  if (wanted) last.wanted = *wanted + extra;
  for (std::size_t i = 0; i < decoder_blocks_.size(); ++i) {
    x = decoder_blocks_[i]->forward(x, i + 1 == decoder_blocks_.size() ? last : TokenSelection{});
  }
  // Without blocks there was no last one to leave tokens out.
  if (decoder_blocks_.empty() && last.wanted) x = take_blocks(x, *last.wanted);
  if (!wanted) x = x.narrow(1, extra, slot.size(1));
  return decoder_pred_->forward(x, *decoder_norm_);
}

}  // namespace convmae
