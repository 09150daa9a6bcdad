#include "convmae/model/position_mask.h"

#include "convmae/model/image_blocks.h"

#include <ATen/ATen.h>

namespace convmae {

at::Tensor PositionMask::removed_numbers(const Geometry& geometry, std::int64_t channels) const {
  const auto& p = geometry.strides();
  const std::int64_t side = geometry.block();
  // Which nested pixel stands at each raster place of a block.
  const at::Tensor raster = at::arange(side * side, removed.options().dtype(at::kLong));
  const at::Tensor raster_of_nested =
      image_to_blocks(raster.view({1, 1, side, side}), {1, 1}, {p[2], p[1], p[0]}).flatten();
  const at::Tensor nested_of_raster = raster_of_nested.argsort();
  return removed.view({removed.size(0), geometry.num_blocks(), geometry.cells(1)})
      .repeat_interleave(p[0] * p[0], 2)
      .index_select(2, nested_of_raster)
      .repeat_interleave(channels, 2);
}

PositionMask sample_positions(const at::Tensor& noise, double mask_ratio,
                              const Geometry& geometry) {
  const std::int64_t batch = noise.size(0);
  const at::Tensor order = noise.argsort(/*stable=*/true, 1, false);
  const at::Tensor kept = order.narrow(1, 0, num_kept(noise.size(1), mask_ratio));
  const at::Tensor keep = at::zeros_like(noise).scatter(1, kept, 1.0);
  const at::Tensor stage1 = keep.view({batch, geometry.num_blocks(), geometry.cells(1), 1});
  const at::Tensor stage2 =
      stage1.view({batch, geometry.num_blocks(), geometry.cells(2), -1}).amax(3, true);
  return {1 - keep, {stage1, stage2, stage2.amax(2).squeeze(2).gt(0)}};
}

}  // namespace convmae
