#include "convmae/model/encoder/attention_bias.h"

#include "convmae/model/encoder/position_grid.h"
#include "convmae/model/encoder/position_resize.h"

#include <ATen/ATen.h>

namespace convmae {

RelativePositionTable::RelativePositionTable(std::int64_t heads, Size grid) : grid_(grid) {
  table_ = register_parameter("relative_position_bias_table",
                              at::zeros({relative_distances(grid), heads}));
}

ops::ScoreBias RelativePositionTable::of(const at::Tensor& /*query*/, std::int64_t heads,
                                         const TokenGrid& grid) const {
  const auto [height, width] = grid.size;
  ops::ScoreBias bias;
  bias.table = resize_relative_positions(table_, grid_, grid.size)
                   .t()
                   .reshape({heads, 2 * height - 1, 2 * width - 1});
  if (grid.places) bias.key_places = *grid.places;
  return bias;
}

DecomposedPositions::DecomposedPositions(std::int64_t head_dim, Size grid) {
  rel_pos_h_ = register_parameter("rel_pos_h", at::zeros({2 * grid.height - 1, head_dim}));
  rel_pos_w_ = register_parameter("rel_pos_w", at::zeros({2 * grid.width - 1, head_dim}));
}

ops::ScoreBias DecomposedPositions::of(const at::Tensor& query, std::int64_t heads,
                                       const TokenGrid& grid) const {
  TORCH_CHECK(!grid.places, "decomposed relative positions need a token in every place");
  const auto [h, w] = grid.size;
  const at::ScalarType type = query.scalar_type();
  const at::Tensor q = query.view({query.size(0), h, w, heads, query.size(2) / heads});
  // [query row or column, key row or column, D]
  const at::Tensor rows = relative_positions(rel_pos_h_, h, h).to(type);
  const at::Tensor columns = relative_positions(rel_pos_w_, w, w).to(type);
  ops::ScoreBias bias;
  bias.rows = at::einsum("byxnd,ykd->bnyxk", {q, rows}).flatten(2, 3);
  bias.columns = at::einsum("byxnd,xkd->bnyxk", {q, columns}).flatten(2, 3);
  return bias;
}

}  // namespace convmae
