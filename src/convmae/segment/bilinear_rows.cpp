#include "convmae/segment/bilinear_rows.h"

#include "convmae/ops/device.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace convmae {

RowWeights row_weights(std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t rows) {
  TORCH_CHECK(from >= 1 && first >= 0 && rows >= 1 && first + rows <= to, "no rows ", first, " to ",
              first + rows, " of ", to, " from ", from);
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const auto position = [scale](std::int64_t row) {
    return std::max((static_cast<double>(row) + 0.5) * scale - 0.5, 0.0);
  };
  const auto above = [&](std::int64_t row) {
    return std::min(static_cast<std::int64_t>(position(row)), from - 1);
  };
  RowWeights result;
  result.first_source = above(first);
  const std::int64_t last_source = std::min(above(first + rows - 1) + 1, from - 1);
  result.weights = at::zeros({rows, last_source + 1 - result.first_source}, at::kDouble);
  auto weights = result.weights.accessor<double, 2>();
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t upper = above(first + row);
    const double share = position(first + row) - static_cast<double>(upper);
    const std::int64_t lower = std::min(upper + 1, from - 1);
    weights[row][upper - result.first_source] += 1 - share;
    weights[row][lower - result.first_source] += share;
  }
  return result;
}

at::Tensor resized_rows(const at::Tensor& source, const RowWeights& weights, std::int64_t width) {
  at::Tensor rows =
      at::matmul(sent_to(source.device(), weights.weights.to(source.scalar_type())), source);
  if (rows.size(2) == width) return rows;
  return at::upsample_bilinear2d(rows.unsqueeze(0), {rows.size(1), width}, /*align_corners=*/false)
      .squeeze(0);
}

at::Tensor resized_rows_backward(const at::Tensor& grad, const RowWeights& weights,
                                 std::int64_t w) {
  const std::int64_t rows = grad.size(1);
  const at::Tensor narrow =
      grad.size(2) == w ? grad
                        : at::upsample_bilinear2d_backward(grad.unsqueeze(0), {rows, grad.size(2)},
                                                           {1, grad.size(0), rows, w},
                                                           /*align_corners=*/false)
                              .squeeze(0);
  return at::matmul(sent_to(grad.device(), weights.weights.to(grad.scalar_type())).t(), narrow);
}

std::int64_t strip_rows(std::int64_t per_row) {
  constexpr std::int64_t kNumbers = std::int64_t{1} << 22;
  return std::max<std::int64_t>(kNumbers / std::max<std::int64_t>(per_row, 1), 1);
}

}  // namespace convmae
