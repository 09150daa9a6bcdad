#pragma once

#include "convmae/model/encoder/drop_path.h"
#include "convmae/model/encoder/layers.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace convmae {

struct TransformerBlockConfig {
  std::int64_t dim = 0;
  std::int64_t num_heads = 1;
  double mlp_ratio = 4;
  double eps = 1e-6;
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
  Attention(std::int64_t dim, std::int64_t num_heads);

  /// x [B, N, C] -> [B, N, C], or [B, R, C] for the wanted tokens.
  at::Tensor forward(const at::Tensor& x, LayerNorm& norm, const TokenSelection& selection);

 private:
  std::int64_t num_heads_;
  std::shared_ptr<Linear> qkv_;
  std::shared_ptr<Linear> proj_;
};

/// The pre-norm transformer block of stage 3, the decoder and the MAE baseline:
///   x += attn(norm1(x)),  x += mlp(norm2(x))
class TransformerBlock : public torch::nn::Module {
 public:
  explicit TransformerBlock(const TransformerBlockConfig& config);

  /// x [B, N, C] -> [B, N, C], or [B, R, C] for the wanted tokens; `scales`, if given, multiply the
  /// branches.
  at::Tensor forward(const at::Tensor& x, const TokenSelection& selection = {},
                     const std::optional<BranchScales>& scales = std::nullopt);

 private:
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<Attention> attn_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace convmae
