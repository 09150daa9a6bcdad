#include "convmae/model/encoder/encoder.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/module_list.h"
#include "convmae/model/encoder/position_embedding.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

at::Tensor gated(const at::Tensor& x, const std::optional<PositionGate>& gate,
                 at::Tensor PositionGate::*stage) {
  return gate ? x * ((*gate).*stage).to(x.scalar_type()) : x;
}

/// Cells of one stage [rows, V, P, C] -> groups of cells that the next layer joins
/// [rows, V, groups, cells*C]. Nested order makes this a view.
at::Tensor join_cells(const at::Tensor& x, std::int64_t groups) {
  return x.reshape({x.size(0), x.size(1), groups, x.size(2) / groups * x.size(3)});
}

}  // namespace

Encoder::Encoder(const EncoderConfig& config, EncoderTail tail)
    : geometry_(geometry_of(config)), masked_conv_(config.masked_conv) {
  const auto& dim = config.embed_dim;
  const auto& stride = geometry_.strides();
  pos_embed_ = register_parameter(
      "pos_embed", position_parameter(dim[2], geometry_.grid(), false, config.use_pos_embed),
      /*requires_grad=*/false);
  const auto embed = [&](const char* name, std::int64_t in, std::size_t stage) {
    return register_module(name, std::make_shared<PatchEmbed>(in, dim[stage], stride[stage]));
  };
  patch_embed1_ = embed("patch_embed1", config.in_chans, 0);
  patch_embed2_ = embed("patch_embed2", dim[0], 1);
  patch_embed3_ = embed("patch_embed3", dim[1], 2);
  patch_embed4_ = register_module("patch_embed4", std::make_shared<Linear>(dim[2], dim[2]));
  if (tail == EncoderTail::latent && config.fusion) {
    stage1_output_decode_ = register_module(
        "stage1_output_decode", std::make_shared<PatchConv>(dim[0], dim[2], geometry_.nesting(1)));
    stage2_output_decode_ = register_module(
        "stage2_output_decode", std::make_shared<PatchConv>(dim[1], dim[2], geometry_.nesting(2)));
  }
  const auto conv_stage = [&](const char* name, int stage) {
    const auto s = static_cast<std::size_t>(stage - 1);
    return register_list(*this, name, config.depth[s], [&](std::int64_t) {
      return std::make_shared<ConvBlock>(ConvBlockConfig{
          dim[s], config.mlp_ratio[s], config.kernel_size[s], geometry_.nesting(stage)});
    });
  };
  blocks1_ = conv_stage("blocks1", 1);
  blocks2_ = conv_stage("blocks2", 2);
  blocks3_ = register_list(*this, "blocks3", config.depth[2], [&](std::int64_t) {
    return std::make_shared<TransformerBlock>(
        TransformerBlockConfig{dim[2], config.num_heads, config.mlp_ratio[2], 1e-6});
  });
  if (tail == EncoderTail::latent) {
    norm_ = register_module("norm", std::make_shared<LayerNorm>(dim[2], 1e-6));
  }
}

StageFeatures Encoder::stages(const at::Tensor& images, const Visibility& visibility,
                              const std::optional<PositionGate>& gate, const DropPath& drop_path) {
  TORCH_CHECK(
      drop_path.empty() || drop_path.size() == blocks1_.size() + blocks2_.size() + blocks3_.size(),
      "drop path has scales for ", drop_path.size(), " blocks");
  const Size grid = geometry_.grid();
  const std::int64_t rows = visibility.rows();
  // Pixels nested as {p3, p2, p1}: cells of stage 1 in nested order, each with its pixels in a row.
  const auto& p = geometry_.strides();
  const at::Tensor pixels = image_to_blocks(images, grid, {p[2], p[1], p[0]});

  // With the masked convolution off (an ablation) stages 1 and 2 see everything; what they made of
  // the removed blocks is dropped before anything else reads it.
  const Visibility conv_visibility =
      masked_conv_ ? visibility : all_visible(rows, grid, images.device());
  const auto kept_only = [&](const at::Tensor& x) {
    return masked_conv_ ? x : take_blocks(x, visibility.kept);
  };

  at::Tensor x = join_cells(take_blocks(pixels, conv_visibility.kept), geometry_.cells(1));
  x = patch_embed1_->forward(x);
  const auto gate1 = gate ? std::optional(gate->stage1) : std::nullopt;
  std::size_t number = 0;
  for (const auto& block : blocks1_) {
    x = block->forward(x, conv_visibility, gate1, scales_of(drop_path, number++));
  }
  StageFeatures features;
  const at::Tensor stage1 = gated(x, gate, &PositionGate::stage1);
  features.stage1 = kept_only(stage1);

  x = patch_embed2_->forward(join_cells(stage1, geometry_.cells(2)));
  const auto gate2 = gate ? std::optional(gate->stage2) : std::nullopt;
  for (const auto& block : blocks2_) {
    x = block->forward(x, conv_visibility, gate2, scales_of(drop_path, number++));
  }
  features.stage2 = kept_only(gated(x, gate, &PositionGate::stage2));

  x = patch_embed4_->forward(patch_embed3_->forward(join_cells(features.stage2, 1)).squeeze(2));
  x = x + take_blocks(pos_embed_, visibility.kept).to(x.scalar_type());
  TokenSelection selection;
  if (gate) selection.visible = gate->tokens;
  for (const auto& block : blocks3_) {
    x = block->forward(x, selection, scales_of(drop_path, number++));
  }
  features.tokens = x;
  return features;
}

at::Tensor Encoder::forward(const at::Tensor& images, const Visibility& visibility,
                            const std::optional<PositionGate>& gate) {
  TORCH_CHECK(norm_, "an encoder without a tail has no latent");
  const StageFeatures features = stages(images, visibility, gate);
  if (!stage1_output_decode_) return norm_->forward(features.tokens);
  return norm_->forward(features.tokens +
                        stage1_output_decode_->forward(join_cells(features.stage1, 1).squeeze(2)) +
                        stage2_output_decode_->forward(join_cells(features.stage2, 1).squeeze(2)));
}

}  // namespace convmae
