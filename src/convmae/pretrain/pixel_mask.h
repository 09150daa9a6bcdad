#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// Side in pixels of the squares that a mask with `length` entries divides an image into: a block,
/// or a stage-1 position where single positions are removed.
std::int64_t mask_unit(Size image, std::int64_t length);

/// The mask per pixel: mask [R, L], in the raster of the image -> [R, 1, H, W].
at::Tensor pixel_mask(const at::Tensor& mask, Size image);

}  // namespace convmae
