#include "convmae/pretrain/pixel_mask.h"

#include <ATen/ATen.h>

#include <cmath>

namespace convmae {

std::int64_t mask_unit(Size image, std::int64_t length) {
  const double area = static_cast<double>(image.height * image.width) / static_cast<double>(length);
  return std::llround(std::sqrt(area));
}

at::Tensor pixel_mask(const at::Tensor& mask, Size image) {
  const std::int64_t unit = mask_unit(image, mask.size(1));
  return mask.reshape({mask.size(0), 1, image.height / unit, image.width / unit})
      .repeat_interleave(unit, 2)
      .repeat_interleave(unit, 3);
}

}  // namespace convmae
