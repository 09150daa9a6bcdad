#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

/// What a mask head is to predict for a box: the object's mask on a grid of `side` x `side` cells
/// over the box.

/// From polygons, each x0, y0, x1, y1, ... in pixels of the image: moved and stretched to the grid,
/// drawn there as pycocotools draws, joined. [side, side] uint8, 0 or 1. Throws UserError for what
/// coco::rle_from_polygon refuses.
at::Tensor draw_mask_target(std::span<const std::vector<double>> polygons,
                            const std::array<float, 4>& box, std::int64_t side);

/// From masks of the image [N, H, W], one for each of the boxes [N, 4]: the share of every cell
/// that is in the mask, [N, side, side] float32, by ops::roi_align. The target is where this is at
/// least 0.5.
at::Tensor crop_masks(const at::Tensor& masks, const at::Tensor& boxes, std::int64_t side);

}  // namespace convmae
