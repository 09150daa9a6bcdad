#include "convmae/model/encoder/attention_bias.h"

#include "convmae/model/encoder/position_resize.h"

#include <ATen/ATen.h>

#include <array>

namespace convmae {

RelativePositionTable::RelativePositionTable(std::int64_t heads, Size grid) : grid_(grid) {
  table_ = register_parameter("relative_position_bias_table",
                              at::zeros({(2 * grid.height - 1) * (2 * grid.width - 1), heads}));
}

ops::ScoreBias RelativePositionTable::of(const at::Tensor& /*query*/, std::int64_t heads,
                                         const TokenGrid& grid) const {
  at::Tensor table = table_.t().reshape({heads, 2 * grid_.height - 1, 2 * grid_.width - 1});
  if (!(grid.size == grid_)) {
    const std::array<std::int64_t, 2> size{2 * grid.size.height - 1, 2 * grid.size.width - 1};
    table = at::upsample_bilinear2d(table.unsqueeze(0), size, /*align_corners=*/false).squeeze(0);
  }
  ops::ScoreBias bias;
  bias.table = table;
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
