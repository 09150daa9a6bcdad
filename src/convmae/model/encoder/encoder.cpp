#include "convmae/model/encoder/encoder.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/module_list.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/encoder/position_resize.h"
#include "convmae/model/encoder/recompute.h"

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

/// pass(block, x), whose activations are kept, or computed once more in the backward pass. Then
/// `pass` outlives this call. `shared` are what the block reads and does not own.
template <typename Block, typename Pass>
at::Tensor run_block(const std::shared_ptr<Block>& block, const at::Tensor& x, bool recompute,
                     const std::vector<at::Tensor>& shared, Pass pass) {
  if (!recompute) return pass(*block, x);
  std::vector<at::Tensor> parameters = block->parameters();
  parameters.insert(parameters.end(), shared.begin(), shared.end());
  return recompute_in_backward([block, pass](const at::Tensor& y) { return pass(*block, y); }, x,
                               std::move(parameters));
}

}  // namespace

Encoder::Encoder(const EncoderConfig& config, EncoderTail tail, const EncoderParts& parts)
    : geometry_(geometry_of(config)),
      position_grid_(parts.position_grid.value_or(geometry_.grid())),
      masked_conv_(config.masked_conv) {
  const auto& dim = config.embed_dim;
  const auto& stride = geometry_.strides();
  TORCH_CHECK(parts.blocks.empty() || std::ssize(parts.blocks) == config.depth[2], "parts of ",
              parts.blocks.size(), " blocks for ", config.depth[2]);
  const bool relative = config.position == PositionEncoding::relative;
  if (config.position == PositionEncoding::sincos) {
    pos_embed_ = register_parameter(
        "pos_embed", position_parameter(dim[2], position_grid_, false, parts.fixed_positions),
        /*requires_grad=*/false);
  }
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
      return std::make_shared<ConvBlock>(ConvBlockConfig{dim[s], config.mlp_ratio[s],
                                                         config.kernel_size[s],
                                                         geometry_.nesting(stage), parts.conv_eps});
    });
  };
  blocks1_ = conv_stage("blocks1", 1);
  blocks2_ = conv_stage("blocks2", 2);
  blocks3_ = register_list(*this, "blocks3", config.depth[2], [&](std::int64_t number) {
    BlockParts own =
        parts.blocks.empty() ? BlockParts{} : parts.blocks[static_cast<std::size_t>(number)];
    if (relative) {
      TORCH_CHECK(!own.bias, "a block cannot have two biases of its attention");
      own.bias = std::make_shared<RelativePositionTable>(config.num_heads, geometry_.grid());
    }
    shared_biases_.push_back(own.shared_bias ? own.bias : nullptr);
    return std::make_shared<TransformerBlock>(
        TransformerBlockConfig{dim[2], config.num_heads, config.mlp_ratio[2], own});
  });
  if (tail == EncoderTail::latent) {
    norm_ = register_module("norm", std::make_shared<LayerNorm>(dim[2], 1e-6));
  }
}

Geometry Encoder::geometry(const at::Tensor& images) const {
  return {{images.size(2), images.size(3)}, geometry_.strides()};
}

StageFeatures Encoder::stages(const at::Tensor& images, const EncoderPass& pass) {
  const Visibility& visibility = pass.visibility;
  const std::optional<PositionGate>& gate = pass.gate;
  const DropPath& drop_path = pass.drop_path;
  TORCH_CHECK(
      drop_path.empty() || drop_path.size() == blocks1_.size() + blocks2_.size() + blocks3_.size(),
      "drop path has scales for ", drop_path.size(), " blocks");
  const Geometry geometry = this->geometry(images);
  const Size grid = geometry.grid();
  const std::int64_t rows = visibility.rows();
  TORCH_CHECK(visibility.slot.size(1) == grid.height && visibility.slot.size(2) == grid.width,
              "visible blocks of a grid ", visibility.slot.sizes(), " for images ", images.sizes());
  // Pixels nested as {p3, p2, p1}: cells of stage 1 in nested order, each with its pixels in a row.
  const auto& p = geometry.strides();
  const at::Tensor pixels = image_to_blocks(images, grid, {p[2], p[1], p[0]});

  // With the masked convolution off (an ablation) stages 1 and 2 see everything; what they made of
  // the removed blocks is dropped before anything else reads it.
  const Visibility conv_visibility =
      masked_conv_ ? visibility : all_visible(rows, grid, images.device());
  const auto kept_only = [&](const at::Tensor& x) {
    return masked_conv_ ? x : take_blocks(x, visibility.kept);
  };
  std::size_t number = 0;
  const auto conv_stage = [&](std::size_t stage, const auto& blocks, at::Tensor x) {
    std::optional<at::Tensor> stage_gate;
    if (gate) stage_gate = stage == 0 ? gate->stage1 : gate->stage2;
    for (const auto& block : blocks) {
      x = run_block(block, x, pass.recompute[stage], {},
                    [conv_visibility, stage_gate, scales = scales_of(drop_path, number++)](
                        ConvBlock& own, const at::Tensor& y) {
                      return own.forward(y, conv_visibility, stage_gate, scales);
                    });
    }
    return x;
  };

  at::Tensor x = join_cells(take_blocks(pixels, conv_visibility.kept), geometry.cells(1));
  x = conv_stage(0, blocks1_, patch_embed1_->forward(x));
  StageFeatures features;
  const at::Tensor stage1 = gated(x, gate, &PositionGate::stage1);
  features.stage1 = kept_only(stage1);

  x = patch_embed2_->forward(join_cells(stage1, geometry.cells(2)));
  x = conv_stage(1, blocks2_, x);
  features.stage2 = kept_only(gated(x, gate, &PositionGate::stage2));

  x = patch_embed4_->forward(patch_embed3_->forward(join_cells(features.stage2, 1)).squeeze(2));
  if (pos_embed_.defined()) {
    const at::Tensor positions = resize_positions(pos_embed_, position_grid_, grid, /*leading=*/0);
    x = x + take_blocks(positions, visibility.kept).to(x.scalar_type());
  }
  TokenSelection selection;
  if (gate) selection.visible = gate->tokens;
  TokenGrid tokens{grid, std::nullopt};
  if (visibility.num_visible() < geometry.num_blocks()) tokens.places = visibility.kept;
  for (std::size_t i = 0; i < blocks3_.size(); ++i) {
    std::vector<at::Tensor> shared;
    if (shared_biases_[i]) shared = shared_biases_[i]->parameters();
    x = run_block(blocks3_[i], x, pass.recompute[2], shared,
                  [selection, tokens, scales = scales_of(drop_path, number++)](
                      TransformerBlock& own, const at::Tensor& y) {
                    return own.forward(y, selection, scales, tokens);
                  });
  }
  features.tokens = x;
  return features;
}

at::Tensor Encoder::forward(const at::Tensor& images, const Visibility& visibility,
                            const std::optional<PositionGate>& gate) {
  TORCH_CHECK(norm_, "an encoder without a tail has no latent");
  const StageFeatures features = stages(images, {visibility, gate});
  if (!stage1_output_decode_) return norm_->forward(features.tokens);
  return norm_->forward(features.tokens +
                        stage1_output_decode_->forward(join_cells(features.stage1, 1).squeeze(2)) +
                        stage2_output_decode_->forward(join_cells(features.stage2, 1).squeeze(2)));
}

}  // namespace convmae
