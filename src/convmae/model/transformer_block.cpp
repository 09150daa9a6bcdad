#include "convmae/model/transformer_block.h"

#include "convmae/model/visibility.h"
#include "convmae/ops/linear.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

/// [B, N, k*C] -> k tensors [B, heads, N, C/heads]
std::vector<at::Tensor> split_heads(const at::Tensor& x, std::int64_t parts, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), parts, heads, x.size(2) / (parts * heads)})
      .permute({2, 0, 3, 1, 4})
      .unbind(0);
}

}  // namespace

Attention::Attention(std::int64_t dim, std::int64_t num_heads)
    : num_heads_(num_heads),
      qkv_(register_module("qkv", std::make_shared<Linear>(dim, 3 * dim))),
      proj_(register_module("proj", std::make_shared<Linear>(dim, dim))) {
  TORCH_CHECK(dim % num_heads == 0, "attention: a width of ", dim, " cannot be split into ",
              num_heads, " heads");
}

at::Tensor Attention::forward(const at::Tensor& x, const TokenSelection& selection) {
  const std::int64_t dim = x.size(2);
  at::Tensor query;
  at::Tensor key;
  at::Tensor value;
  if (selection.wanted) {
    // Queries of the wanted tokens only; keys and values of all.
    const at::Tensor wanted = take_blocks(x, *selection.wanted);
    query = split_heads(
        ops::linear(wanted, qkv_->weight.narrow(0, 0, dim), qkv_->bias.narrow(0, 0, dim)), 1,
        num_heads_)[0];
    const auto key_value = split_heads(
        ops::linear(x, qkv_->weight.narrow(0, dim, 2 * dim), qkv_->bias.narrow(0, dim, 2 * dim)), 2,
        num_heads_);
    key = key_value[0];
    value = key_value[1];
  } else {
    const auto parts = split_heads(qkv_->forward(x), 3, num_heads_);
    query = parts[0];
    key = parts[1];
    value = parts[2];
  }
  std::optional<at::Tensor> mask;
  if (selection.visible) mask = selection.visible->unsqueeze(1).unsqueeze(1);
  const at::Tensor mixed = at::scaled_dot_product_attention(query, key, value, mask);
  return proj_->forward(mixed.transpose(1, 2).reshape({x.size(0), query.size(2), dim}));
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
  const at::Tensor mixed = attn_->forward(norm1_->forward(x), selection);
  const at::Tensor y = add_branch(selection.wanted ? take_blocks(x, *selection.wanted) : x, mixed,
                                  mixing_scale(scales));
  return add_branch(y, mlp_->forward(norm2_->forward(y)), mlp_scale(scales));
}

}  // namespace convmae
