#include "convmae/model/encoder/transformer_block.h"

#include "convmae/model/masking/visibility.h"
#include "convmae/ops/attention.h"

#include <ATen/ATen.h>

namespace convmae {

Attention::Attention(const TransformerBlockConfig& config)
    : num_heads_(config.num_heads),
      bias_(config.parts.bias),
      window_(config.parts.window),
      qkv_(register_module("qkv", std::make_shared<Linear>(config.dim, 3 * config.dim))),
      proj_(register_module("proj", std::make_shared<Linear>(config.dim, config.dim))) {
  TORCH_CHECK(config.dim % num_heads_ == 0, "attention: a width of ", config.dim,
              " cannot be split into ", num_heads_, " heads");
  if (bias_ && !config.parts.shared_bias) adopt(*this, *bias_);
}

ops::ScoreBias Attention::bias_of(const at::Tensor& qkv, const TokenGrid& grid) const {
  return bias_ ? bias_->of(qkv.narrow(2, 0, qkv.size(2) / 3), num_heads_, grid) : ops::ScoreBias{};
}

at::Tensor Attention::in_windows(const at::Tensor& qkv, const TokenGrid& grid) {
  const auto [height, width] = grid.size;
  const std::int64_t side = window_->side;
  TORCH_CHECK(!grid.places && height * width == qkv.size(1),
              "attention in windows needs a token in every place of its grid");
  TORCH_CHECK(window_->padded || (height % side == 0 && width % side == 0), "windows of ", side,
              " do not divide a grid of ", height, "x", width);
  const std::int64_t shift = window_->shift;
  TORCH_CHECK(shift == 0 || !window_->padded, "windows that are padded are not shifted");
  at::Tensor map = qkv.view({qkv.size(0), height, width, qkv.size(2)});
  if (shift != 0) map = at::roll(map, {-shift, -shift}, {1, 2});
  // Padding is zeros behind the norm, so its query, key and value are the bias.
  const at::Tensor windows = window_partition(map, side, qkv_->bias).flatten(1, 2);
  ops::ScoreBias bias = bias_of(windows, {{side, side}, std::nullopt});
  if (shift != 0) {
    const WindowRegions regions = window_regions(grid.size, *window_, qkv.size(0), num_heads_);
    const auto add = [&](at::Tensor& to, const at::Tensor& low) {
      const at::Tensor own = low.to(windows.options());
      to = to.defined() ? to + own : own;
    };
    add(bias.rows, regions.rows);
    add(bias.columns, regions.columns);
  }
  const at::Tensor mixed = ops::self_attention(
      windows, num_heads_, {proj_->operand(qkv.scalar_type()), proj_->bias}, std::nullopt, bias);
  at::Tensor merged =
      window_merge(mixed.view({mixed.size(0), side, side, mixed.size(2)}), grid.size);
  if (shift != 0) merged = at::roll(merged, {shift, shift}, {1, 2});
  return merged.flatten(1, 2);
}

at::Tensor Attention::forward(const at::Tensor& x, LayerNorm& norm, const TokenSelection& selection,
                              const TokenGrid& grid) {
  TORCH_CHECK(!window_ || (!selection.wanted && !selection.visible),
              "attention in windows leaves no tokens out");
  if (window_) return in_windows(qkv_->forward(x, norm), grid);
  const ops::Projection projection{proj_->operand(x.scalar_type()), proj_->bias};
  if (!selection.wanted) {
    const at::Tensor qkv = qkv_->forward(x, norm);
    return ops::self_attention(qkv, num_heads_, projection, selection.visible, bias_of(qkv, grid));
  }
  TORCH_CHECK(!bias_, "attention with a bias computes every token");
  // Queries of the wanted tokens only; keys and values of all.
  const std::int64_t dim = x.size(2);
  const at::Tensor normed = norm.forward(x);
  const at::Tensor query = qkv_->forward_part(take_blocks(normed, *selection.wanted), 0, dim);
  const at::Tensor key_value = qkv_->forward_part(normed, dim, 2 * dim);
  return ops::cross_attention(query, key_value, num_heads_, projection, selection.visible);
}

TransformerBlock::TransformerBlock(const TransformerBlockConfig& config)
    : norm1_(register_module("norm1", std::make_shared<LayerNorm>(config.dim, config.parts.eps))),
      attn_(register_module("attn", std::make_shared<Attention>(config))),
      norm2_(register_module("norm2", std::make_shared<LayerNorm>(config.dim, config.parts.eps))),
      mlp_(register_module(
          "mlp", std::make_shared<Mlp>(config.dim, hidden_width(config.dim, config.mlp_ratio),
                                       WeightShape::linear))) {
  if (const auto& initial = config.parts.layer_scale) {
    gamma_1_ = register_parameter("gamma_1", at::full({config.dim}, *initial));
    gamma_2_ = register_parameter("gamma_2", at::full({config.dim}, *initial));
  }
}

at::Tensor TransformerBlock::forward(const at::Tensor& x, const TokenSelection& selection,
                                     const std::optional<BranchScales>& scales,
                                     const TokenGrid& grid) {
  const auto scaled = [](const at::Tensor& branch, const at::Tensor& gamma) {
    return gamma.defined() ? branch * gamma.to(branch.scalar_type()) : branch;
  };
  const at::Tensor mixed = scaled(attn_->forward(x, *norm1_, selection, grid), gamma_1_);
  const at::Tensor y = add_branch(selection.wanted ? take_blocks(x, *selection.wanted) : x, mixed,
                                  mixing_scale(scales));
  return add_branch(y, scaled(mlp_->forward(y, *norm2_), gamma_2_), mlp_scale(scales));
}

}  // namespace convmae
