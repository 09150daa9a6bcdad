#pragma once

#include "convmae/base/geometry.h"
#include "convmae/model/encoder/encoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// Position-wise masking, the paper's ablation of block-wise masking: every stage-1 position is
/// kept or removed by itself. docs/method.md says what it costs.
struct PositionMask {
  at::Tensor removed;  ///< [B, L*P1] float32 in the raster of the image; 1 = removed
  PositionGate gate;
  std::int64_t count = 0;  ///< of the removed positions, in all images

  /// On that device.
  PositionMask to(at::Device device) const;
  /// [B, L, b*b*C]: 1 where a number of a block (plain raster order) belongs to a removed position.
  at::Tensor removed_numbers(const Geometry& geometry, std::int64_t channels) const;
  /// Their sum.
  std::int64_t count_numbers(const Geometry& geometry, std::int64_t channels) const;
};

/// noise [B, L*P1] in the raster of the image, in host memory; the share `mask_ratio` of positions
/// with the largest noise is removed.
PositionMask sample_positions(const at::Tensor& noise, double mask_ratio, const Geometry& geometry);

}  // namespace convmae
