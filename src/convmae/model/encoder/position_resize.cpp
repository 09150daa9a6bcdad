#include "convmae/model/encoder/position_resize.h"

#include "convmae/ops/device.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace convmae {

at::Tensor resize_positions(const at::Tensor& table, Size from, Size to, std::int64_t leading) {
  TORCH_CHECK(table.dim() == 3 && table.size(1) == leading + from.height * from.width,
              "a position table [1, ", leading + from.height * from.width, ", D] is needed, found ",
              table.sizes());
  if (from == to) return table;
  const at::Tensor map = table.narrow(1, leading, from.height * from.width)
                             .view({1, from.height, from.width, table.size(2)})
                             .permute({0, 3, 1, 2});
  const at::Tensor resized =
      at::upsample_bicubic2d(map, {to.height, to.width}, /*align_corners=*/false);
  return at::cat({table.narrow(1, 0, leading), resized.flatten(2).transpose(1, 2)}, 1);
}

at::Tensor resize_relative_positions(const at::Tensor& table, Size from, Size to) {
  const std::int64_t height = 2 * from.height - 1;
  const std::int64_t width = 2 * from.width - 1;
  TORCH_CHECK(table.dim() == 2 && table.size(0) == height * width,
              "a table of relative positions [", height * width, ", heads] is needed, found ",
              table.sizes());
  if (from == to) return table;
  const at::Tensor map = table.t().reshape({1, table.size(1), height, width});
  return at::upsample_bilinear2d(map, {2 * to.height - 1, 2 * to.width - 1},
                                 /*align_corners=*/false)
      .flatten(2)
      .squeeze(0)
      .t();
}

at::Tensor relative_positions(const at::Tensor& table, std::int64_t queries, std::int64_t keys) {
  const std::int64_t rows = 2 * std::max(queries, keys) - 1;
  at::Tensor resized = table;
  if (table.size(0) != rows) {
    resized = at::upsample_linear1d(table.t().unsqueeze(0), {rows}, /*align_corners=*/false)
                  .squeeze(0)
                  .t();
  }
  const double query_step = std::max(static_cast<double>(keys) / static_cast<double>(queries), 1.0);
  const double key_step = std::max(static_cast<double>(queries) / static_cast<double>(keys), 1.0);
  // In float32 as published: where the steps are no whole numbers, rounding decides the row.
  const at::Tensor query = at::arange(queries, at::kLong).unsqueeze(1) * query_step;
  const at::Tensor key = at::arange(keys, at::kLong).unsqueeze(0) * key_step;
  const at::Tensor distance = query - key + static_cast<double>(keys - 1) * key_step;
  return resized.index_select(0, sent_to(table.device(), distance.to(at::kLong).flatten()))
      .view({queries, keys, table.size(1)});
}

}  // namespace convmae
