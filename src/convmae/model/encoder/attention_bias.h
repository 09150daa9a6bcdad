#pragma once

#include "convmae/base/geometry.h"
#include "convmae/ops/score_bias.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <optional>

namespace convmae {

/// Where the tokens of a pass lie.
struct TokenGrid {
  Size size;
  /// [B, N] int64: the place of each token in the raster of the grid; none if every place has its
  /// token.
  std::optional<at::Tensor> places{};
};

/// What depends on the positions of a query and a key and is added to their score. A block has its
/// own or shares one with others.
class AttentionBias : public torch::nn::Module {
 public:
  /// query [B, N, C], not scaled, of tokens on that grid.
  virtual ops::ScoreBias of(const at::Tensor& query, std::int64_t heads,
                            const TokenGrid& grid) const = 0;
};

/// A number for each head and each distance (BEiT, arXiv 2106.08254; the published segmentor and
/// first detector): `relative_position_bias_table` [(2h-1)(2w-1), heads], zeros at first. On
/// another grid than its own, h by w, the table is interpolated (`resize_relative_positions`).
class RelativePositionTable : public AttentionBias {
 public:
  RelativePositionTable(std::int64_t heads, Size grid);
  ops::ScoreBias of(const at::Tensor& query, std::int64_t heads,
                    const TokenGrid& grid) const override;

 private:
  Size grid_;
  at::Tensor table_;
};

/// A vector for each distance along the rows and one along the columns, multiplied with the query
/// (MViTv2, arXiv 2112.01526; the published second detector): `rel_pos_h` [2h-1, D], `rel_pos_w`
/// [2w-1, D], D the width of a head. On another grid they are interpolated (`relative_positions`).
/// Every place must have its token.
class DecomposedPositions : public AttentionBias {
 public:
  DecomposedPositions(std::int64_t head_dim, Size grid);
  ops::ScoreBias of(const at::Tensor& query, std::int64_t heads,
                    const TokenGrid& grid) const override;

 private:
  at::Tensor rel_pos_h_;
  at::Tensor rel_pos_w_;
};

}  // namespace convmae
