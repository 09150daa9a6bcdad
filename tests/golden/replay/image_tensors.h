#pragma once

#include "convmae/data/image.h"

#include <ATen/core/Tensor.h>

namespace convmae::golden {

/// A copy of 8-bit pixels as a tensor [H, W, C].
at::Tensor pixels_of(const Image& image);
/// The reverse.
Image image_of(const at::Tensor& pixels);

}  // namespace convmae::golden
