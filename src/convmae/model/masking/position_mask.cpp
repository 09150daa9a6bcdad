#include "convmae/model/masking/position_mask.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/ops/device.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

/// The stage-1 positions of an image, [B, n] in its raster, as a picture [B, 1, h, w].
at::Tensor as_picture(const at::Tensor& positions, const Geometry& geometry) {
  const std::int64_t side = geometry.cells_per_side(1);
  return positions.view(
      {positions.size(0), 1, geometry.grid().height * side, geometry.grid().width * side});
}

}  // namespace

at::Tensor PositionMask::removed_numbers(const Geometry& geometry, std::int64_t channels) const {
  const std::int64_t stride = geometry.strides()[0];
  const at::Tensor pixels =
      as_picture(removed, geometry).repeat_interleave(stride, 2).repeat_interleave(stride, 3);
  return image_to_blocks(pixels, geometry.grid(), {geometry.block()})
      .flatten(2)
      .repeat_interleave(channels, 2);
}

std::int64_t PositionMask::count_numbers(const Geometry& geometry, std::int64_t channels) const {
  return count * geometry.strides()[0] * geometry.strides()[0] * channels;
}

PositionMask PositionMask::to(at::Device device) const {
  return {
      sent_to(device, removed),
      {sent_to(device, gate.stage1), sent_to(device, gate.stage2), sent_to(device, gate.tokens)},
      count};
}

PositionMask sample_positions(const at::Tensor& noise, double mask_ratio,
                              const Geometry& geometry) {
  const at::Tensor order = noise.argsort(/*stable=*/true, 1, false);
  const std::int64_t num_kept = convmae::num_kept(noise.size(1), mask_ratio);
  const at::Tensor kept = order.narrow(1, 0, num_kept);
  const at::Tensor keep = at::zeros_like(noise).scatter(1, kept, 1.0);
  // From the image's raster to the nested order of the stages: here and nowhere else.
  const at::Tensor stage1 =
      image_to_blocks(as_picture(keep, geometry), geometry.grid(), geometry.nesting(1));
  const at::Tensor stage2 =
      stage1.view({noise.size(0), geometry.num_blocks(), geometry.cells(2), -1}).amax(3, true);
  return {1 - keep,
          {stage1, stage2, stage2.amax(2).squeeze(2).gt(0)},
          noise.size(0) * (noise.size(1) - num_kept)};
}

}  // namespace convmae
