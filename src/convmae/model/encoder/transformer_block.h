#pragma once

#include "convmae/model/encoder/attention_bias.h"
#include "convmae/model/encoder/drop_path.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/encoder/windows.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace convmae {

/// What a block may have beside attention and MLP.
struct BlockParts {
  /// None for attention that does not know positions.
  std::shared_ptr<AttentionBias> bias{};
  /// Whether the bias is a part of something else, which has its parameters; else they are among
  /// those of the block's attention.
  bool shared_bias = false;
  /// None for attention over all tokens.
  std::optional<Window> window{};
  /// What the branches are multiplied with at first, channel by channel: `gamma_1`, `gamma_2`
  /// (arXiv 2103.17239).
  std::optional<double> layer_scale{};
  /// Of the norms.
  double eps = 1e-6;
};

struct TransformerBlockConfig {
  std::int64_t dim = 0;
  std::int64_t num_heads = 1;
  double mlp_ratio = 4;
  BlockParts parts{};
};

/// What a pass through a block or its attention leaves out.
struct TokenSelection {
  /// [B, R] int64: the tokens whose output is wanted, none for all. Only the last block of a stack
  /// can leave tokens out: what it skips is read by nobody.
  std::optional<at::Tensor> wanted;
  /// [B, N] bool: the tokens that others may attend to, none for all.
  std::optional<at::Tensor> visible;
};

/// Multi-head self-attention of norm(x) with one projection for query, key and value.
class Attention : public torch::nn::Module {
 public:
  explicit Attention(const TransformerBlockConfig& config);

  /// x [B, N, C] -> [B, N, C], or [B, R, C] for the wanted tokens. The grid is read where there is
  /// a bias or a window.
  at::Tensor forward(const at::Tensor& x, LayerNorm& norm, const TokenSelection& selection,
                     const TokenGrid& grid);

 private:
  /// qkv [B, N, 3C] -> [B, N, C], each window by itself.
  at::Tensor in_windows(const at::Tensor& qkv, const TokenGrid& grid);
  /// Of what stands first in qkv [B, N, 3C], the queries.
  ops::ScoreBias bias_of(const at::Tensor& qkv, const TokenGrid& grid) const;

  std::int64_t num_heads_;
  std::shared_ptr<AttentionBias> bias_;
  std::optional<Window> window_;
  std::shared_ptr<Linear> qkv_;
  std::shared_ptr<Linear> proj_;
};

/// The pre-norm transformer block of stage 3, the decoder and the MAE baseline:
///   x += gamma_1 attn(norm1(x)),  x += gamma_2 mlp(norm2(x))
class TransformerBlock : public torch::nn::Module {
 public:
  explicit TransformerBlock(const TransformerBlockConfig& config);

  /// x [B, N, C] -> [B, N, C], or [B, R, C] for the wanted tokens; `scales`, if given, multiply the
  /// branches.
  at::Tensor forward(const at::Tensor& x, const TokenSelection& selection = {},
                     const std::optional<BranchScales>& scales = std::nullopt,
                     const TokenGrid& grid = {});

 private:
  at::Tensor gamma_1_;  ///< [C], undefined without layer scale
  at::Tensor gamma_2_;  ///< the same
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<Attention> attn_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace convmae
