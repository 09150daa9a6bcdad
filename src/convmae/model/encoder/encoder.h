#pragma once

#include "convmae/base/geometry.h"
#include "convmae/model/config.h"
#include "convmae/model/encoder/conv_block.h"
#include "convmae/model/encoder/drop_path.h"
#include "convmae/model/encoder/patch_embed.h"
#include "convmae/model/encoder/transformer_block.h"
#include "convmae/model/masking/visibility.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// Position-wise masking inside visible blocks (an ablation of the paper): removed stage-1
/// positions are zero wherever positions are mixed, so that nothing of them reaches a kept one.
struct PositionGate {
  at::Tensor stage1;  ///< [B, L, P1, 1] 1 = kept
  at::Tensor stage2;  ///< [B, L, P2, 1] 1 where a cell has at least one kept stage-1 position
  at::Tensor tokens;  ///< [B, L] bool, true where a block has at least one kept position
};

/// What one pass of images through the stages sees, and how.
struct EncoderPass {
  Visibility visibility;  ///< of views*B rows
  std::optional<PositionGate> gate{};
  DropPath drop_path{};
  /// The stages whose activations are not kept, but for what each block begins with: the backward
  /// pass computes them once more, block by block.
  std::array<bool, 3> recompute{};
};

/// What the stages make of the visible blocks, blocks in ascending order, cells of stages 1 and 2
/// in nested raster order.
struct StageFeatures {
  at::Tensor stage1;  ///< [rows, V, P1, C1]
  at::Tensor stage2;  ///< [rows, V, P2, C2]
  at::Tensor tokens;  ///< [rows, V, D], not normalised
};

/// What follows the three stages.
enum class EncoderTail {
  none,    ///< nothing: a task brings its own norm and head
  latent,  ///< pretraining: with fusion the side branches of stages 1 and 2, and the final norm
};

/// What an encoder has beside its sizes. The published segmentor and detectors differ in these.
struct EncoderParts {
  double conv_eps = 1e-5;  ///< of the norms in the blocks of stages 1 and 2
  /// Of each block of stage 3; empty for blocks without parts.
  std::vector<BlockParts> blocks{};
  /// The grid of the table of absolute positions, if it is not that of the configuration's images.
  std::optional<Size> position_grid{};
  /// Whether that table starts as the fixed one. Otherwise it is zeros until somebody sets it,
  /// which has no need of a width that the fixed one can have.
  bool fixed_positions = true;
};

/// The ConvMAE encoder (arXiv 2205.03892, section 3): two convolutional stages and a transformer,
/// on the visible blocks alone. Every stage's features are [rows, V, cells, channels]; going to the
/// next stage is a view followed by one GEMM. Images may have any size that the strides divide;
/// on a grid other than its own tables of positions are interpolated (`resize_positions`,
/// `RelativePositionTable`).
class Encoder : public torch::nn::Module {
 public:
  explicit Encoder(const EncoderConfig& config, EncoderTail tail = EncoderTail::latent,
                   const EncoderParts& parts = {});

  /// images [B, C, H, W] -> what every stage makes of them.
  StageFeatures stages(const at::Tensor& images, const EncoderPass& pass);
  /// images [B, C, H, W] and the visible blocks of views*B rows -> latent [rows, V, D], blocks in
  /// ascending order: norm(stage 3 + E1 + E2), without fusion norm(stage 3). Only with the tail
  /// `latent`.
  at::Tensor forward(const at::Tensor& images, const Visibility& visibility,
                     const std::optional<PositionGate>& gate = std::nullopt);

  /// Of the configuration's images.
  const Geometry& geometry() const { return geometry_; }
  /// Of these images. Throws UserError if the strides do not divide them.
  Geometry geometry(const at::Tensor& images) const;

 private:
  Geometry geometry_;
  Size position_grid_;
  bool masked_conv_;
  at::Tensor pos_embed_;  ///< [1, L, D] of the position grid, undefined if there is none
  std::shared_ptr<PatchEmbed> patch_embed1_;
  std::shared_ptr<PatchEmbed> patch_embed2_;
  std::shared_ptr<PatchEmbed> patch_embed3_;
  std::shared_ptr<Linear> patch_embed4_;
  std::vector<std::shared_ptr<ConvBlock>> blocks1_;
  std::vector<std::shared_ptr<ConvBlock>> blocks2_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks3_;
  /// What each of blocks3_ shares with others, or null.
  std::vector<std::shared_ptr<AttentionBias>> shared_biases_;
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<PatchConv> stage1_output_decode_;  ///< E1, null without fusion
  std::shared_ptr<PatchConv> stage2_output_decode_;  ///< E2, null without fusion
};

}  // namespace convmae
