#pragma once

#include "convmae/base/geometry.h"
#include "convmae/coco/rle.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace convmae {

/// Masks that a head predicts on a grid over a box, [D, M, M] float32 over boxes [D, 4], read
/// bilinearly at the pixel centres of an image: zero beyond the grid, which a pixel less than half
/// a cell outside still feels. A box without area has an empty mask.

/// [D, height, width] float32.
at::Tensor paste_soft_masks(const at::Tensor& masks, const at::Tensor& boxes, Size image);

/// Where these are at least `threshold`, which is above 0, as run lengths: no mask of the whole
/// image is made. A pixel's number is that of paste_soft_masks to the bit. Throws UserError for an
/// image that is too large for run lengths.
std::vector<coco::Rle> paste_masks(const at::Tensor& masks, const at::Tensor& boxes, Size image,
                                   double threshold = 0.5);

}  // namespace convmae
