#include "convmae/model/encoder/position_embedding.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

/// [n] positions -> [n, dim/2]
at::Tensor encode(const at::Tensor& positions, std::int64_t dim) {
  const std::int64_t quarter = dim / 4;
  const at::Tensor exponent = at::arange(quarter, at::kDouble) / static_cast<double>(quarter);
  const at::Tensor angle = at::outer(positions, at::pow(10000.0, exponent).reciprocal());
  return at::cat({angle.sin(), angle.cos()}, 1);
}

}  // namespace

at::Tensor sincos_position_table(std::int64_t dim, Size grid, bool class_token) {
  TORCH_CHECK(dim % 4 == 0,
              "a sin-cos position table needs a width that is a multiple of 4, found ", dim);
  const at::Tensor row = at::arange(grid.height, at::kDouble).repeat_interleave(grid.width);
  const at::Tensor column = at::arange(grid.width, at::kDouble).repeat({grid.height});
  at::Tensor table = at::cat({encode(column, dim), encode(row, dim)}, 1);
  if (class_token) table = at::cat({at::zeros({1, dim}, at::kDouble), table});
  return table.to(at::kFloat);
}

at::Tensor position_parameter(std::int64_t dim, Size grid, bool class_token, bool use_positions) {
  if (use_positions) return sincos_position_table(dim, grid, class_token).unsqueeze(0);
  return at::zeros({1, grid.height * grid.width + static_cast<std::int64_t>(class_token), dim});
}

}  // namespace convmae
