#include "golden/replay/image_tensors.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <cstring>

namespace convmae::golden {

at::Tensor pixels_of(const Image& image) {
  at::Tensor pixels = at::empty({image.height(), image.width(), image.channels()}, at::kByte);
  std::memcpy(pixels.mutable_data_ptr(), image.bytes(),
              static_cast<std::size_t>(image.num_bytes()));
  return pixels;
}

Image image_of(const at::Tensor& pixels) {
  TORCH_CHECK(pixels.dim() == 3 && pixels.scalar_type() == at::kByte && pixels.is_contiguous(),
              "expected 8-bit pixels [H, W, C], found ", pixels.sizes());
  Image image({pixels.size(0), pixels.size(1)}, pixels.size(2));
  std::memcpy(image.bytes(), pixels.const_data_ptr(), static_cast<std::size_t>(image.num_bytes()));
  return image;
}

}  // namespace convmae::golden
