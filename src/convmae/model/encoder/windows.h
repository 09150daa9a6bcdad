#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// Where a block's tokens attend to each other: in squares of `side` tokens.
struct Window {
  std::int64_t side = 1;
  /// Whether windows may reach over the map's lower and right border; else they must divide it.
  bool padded = false;
};

/// Windows of `side` cells of a map, in raster order: x [B, H, W, C] -> [B * windows, side, side,
/// C]. Where they do not divide it, what lies beyond its lower and right border is `padding` [C].
at::Tensor window_partition(const at::Tensor& x, std::int64_t side, const at::Tensor& padding);

/// The inverse, without what lay beyond: windows [B * windows, side, side, C] -> [B, H, W, C].
at::Tensor window_merge(const at::Tensor& windows, Size map);

}  // namespace convmae
