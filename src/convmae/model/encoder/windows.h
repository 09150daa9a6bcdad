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
  /// How far down and to the right the squares lie (Swin, arXiv 2103.14030, section 3.2). What
  /// reaches over the map's lower and right border goes on at the opposite one, and attends to
  /// nothing from across the border. Only of squares that divide the map.
  std::int64_t shift = 0;

  bool operator==(const Window&) const = default;
};

/// Windows of `side` cells of a map, in raster order: x [B, H, W, C] -> [B * windows, side, side,
/// C]. Where they do not divide it, what lies beyond its lower and right border is `padding` [C].
at::Tensor window_partition(const at::Tensor& x, std::int64_t side, const at::Tensor& padding);

/// What keeps the parts of shifted windows from each other, for a map of that size: numbers that
/// are added to the scores of attention, 0 or so low that nothing is left of a key. rows [B *
/// windows, heads, side * side, side] for every query and key row, columns the same for key
/// columns, as ops::ScoreBias has them.
struct WindowRegions {
  at::Tensor rows;
  at::Tensor columns;
};
WindowRegions window_regions(Size map, const Window& window, std::int64_t images,
                             std::int64_t heads);

/// The inverse, without what lay beyond: windows [B * windows, side, side, C] -> [B, H, W, C].
at::Tensor window_merge(const at::Tensor& windows, Size map);

}  // namespace convmae
