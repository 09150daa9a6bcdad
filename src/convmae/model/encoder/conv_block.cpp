#include "convmae/model/encoder/conv_block.h"

#include "convmae/ops/masked_depthwise_conv2d.h"

namespace convmae {
ConvBlock::ConvBlock(const ConvBlockConfig& config)
    : nesting_(config.nesting),
      norm1_(register_module("norm1", std::make_shared<LayerNorm>(config.dim, config.eps))),
      conv1_(register_module(
          "conv1", std::make_shared<Linear>(config.dim, config.dim, WeightShape::convolution))),
      conv2_(register_module(
          "conv2", std::make_shared<Linear>(config.dim, config.dim, WeightShape::convolution))),
      attn_(
          register_module("attn", std::make_shared<DepthwiseConv>(config.dim, config.kernel_size))),
      norm2_(register_module("norm2", std::make_shared<LayerNorm>(config.dim, config.eps))),
      mlp_(register_module(
          "mlp", std::make_shared<Mlp>(config.dim, hidden_width(config.dim, config.mlp_ratio),
                                       WeightShape::convolution))) {}

at::Tensor ConvBlock::mix(const at::Tensor& x, const Visibility& visibility,
                          const std::optional<at::Tensor>& gate) {
  at::Tensor input = conv1_->forward(x, *norm1_);
  if (gate) input = input * gate->to(input.scalar_type());
  return conv2_->forward(ops::masked_depthwise_conv2d(input, attn_->weight, attn_->bias,
                                                      visibility.kept, visibility.slot, nesting_));
}

at::Tensor ConvBlock::forward(const at::Tensor& x, const Visibility& visibility,
                              const std::optional<at::Tensor>& gate,
                              const std::optional<BranchScales>& scales) {
  const at::Tensor y = add_branch(x, mix(x, visibility, gate), mixing_scale(scales));
  return add_branch(y, mlp_->forward(y, *norm2_), mlp_scale(scales));
}

}  // namespace convmae
