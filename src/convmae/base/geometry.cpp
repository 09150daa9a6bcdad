#include "convmae/base/geometry.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"

#include <cassert>
#include <optional>
#include <string>

namespace convmae {

std::string size_text(Size size) {
  return std::to_string(size.height) + "x" + std::to_string(size.width);
}

Geometry::Geometry(Size image, std::array<std::int64_t, 3> strides)
    : image_(image), strides_(strides) {
  for (const std::int64_t stride : strides) {
    if (stride < 1) {
      throw UserError("the strides must be 1 or more, found " + std::to_string(stride));
    }
  }
  // What follows from these two is no larger than they are.
  const std::optional<std::int64_t> side = checked_product({strides[0], strides[1], strides[2]});
  if (!side || !checked_multiply(image.height, image.width)) {
    throw UserError("an image of " + size_text(image) + " pixels in blocks of " +
                    std::to_string(strides[0]) + "x" + std::to_string(strides[1]) + "x" +
                    std::to_string(strides[2]) +
                    " pixels a side is beyond all counting: choose a smaller image and strides");
  }
  const bool divides =
      image.height > 0 && image.width > 0 && image.height % *side == 0 && image.width % *side == 0;
  if (!divides) {
    const std::string block = std::to_string(*side);
    throw UserError("an image of " + size_text(image) + " pixels is not a grid of " + block + "x" +
                    block +
                    " blocks (the product of the strides): choose a height and width that are "
                    "multiples of " +
                    block + ", or other strides");
  }
}

std::int64_t Geometry::cells_per_side(int stage) const {
  assert(stage >= 1 && stage <= 3);
  std::int64_t side = 1;
  for (int s = stage; s < 3; ++s) side *= strides_[static_cast<std::size_t>(s)];
  return side;
}

std::vector<std::int64_t> Geometry::nesting(int stage) const {
  assert(stage >= 1 && stage <= 3);
  std::vector<std::int64_t> sides;
  for (int s = 2; s >= stage; --s) sides.push_back(strides_[static_cast<std::size_t>(s)]);
  return sides;
}

}  // namespace convmae
