#include "convmae/model/encoder/transformer_block.h"

#include "convmae/model/masking/visibility.h"
#include "convmae/ops/attention.h"

#include <ATen/ATen.h>

namespace convmae {

Attention::Attention(std::int64_t dim, std::int64_t num_heads)
    : num_heads_(num_heads),
      qkv_(register_module("qkv", std::make_shared<Linear>(dim, 3 * dim))),
      proj_(register_module("proj", std::make_shared<Linear>(dim, dim))) {
  TORCH_CHECK(dim % num_heads == 0, "attention: a width of ", dim, " cannot be split into ",
              num_heads, " heads");
}

at::Tensor Attention::forward(const at::Tensor& x, LayerNorm& norm,
                              const TokenSelection& selection) {
  const ops::Projection projection{proj_->operand(x.scalar_type()), proj_->bias};
  if (!selection.wanted) {
    return ops::self_attention(qkv_->forward(x, norm), num_heads_, projection, selection.visible);
  }
  // Queries of the wanted tokens only; keys and values of all.
  const std::int64_t dim = x.size(2);
  const at::Tensor normed = norm.forward(x);
  const at::Tensor query = qkv_->forward_part(take_blocks(normed, *selection.wanted), 0, dim);
  const at::Tensor key_value = qkv_->forward_part(normed, dim, 2 * dim);
  return ops::cross_attention(query, key_value, num_heads_, projection, selection.visible);
}

TransformerBlock::TransformerBlock(const TransformerBlockConfig& config)
    : norm1_(register_module("norm1", std::make_shared<LayerNorm>(config.dim, config.eps))),
      attn_(register_module("attn", std::make_shared<Attention>(config.dim, config.num_heads))),
      norm2_(register_module("norm2", std::make_shared<LayerNorm>(config.dim, config.eps))),
      mlp_(register_module(
          "mlp", std::make_shared<Mlp>(config.dim, hidden_width(config.dim, config.mlp_ratio),
                                       WeightShape::linear))) {}

at::Tensor TransformerBlock::forward(const at::Tensor& x, const TokenSelection& selection,
                                     const std::optional<BranchScales>& scales) {
  const at::Tensor mixed = attn_->forward(x, *norm1_, selection);
  const at::Tensor y = add_branch(selection.wanted ? take_blocks(x, *selection.wanted) : x, mixed,
                                  mixing_scale(scales));
  return add_branch(y, mlp_->forward(y, *norm2_), mlp_scale(scales));
}

}  // namespace convmae
