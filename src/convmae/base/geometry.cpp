#include "convmae/base/geometry.h"

#include "convmae/base/error.h"

#include <cassert>
#include <string>

namespace convmae {

Geometry::Geometry(Size image, std::array<std::int64_t, 3> strides)
    : image_(image), strides_(strides) {
  for (const std::int64_t stride : strides) {
    if (stride < 1) {
      throw UserError("the strides must be 1 or more, found " + std::to_string(stride));
    }
  }
  const bool divides = image.height > 0 && image.width > 0 && image.height % block() == 0 &&
                       image.width % block() == 0;
  if (!divides) {
    throw UserError("an image of " + std::to_string(image.height) + "x" +
                    std::to_string(image.width) + " pixels is not a grid of " +
                    std::to_string(block()) + "x" + std::to_string(block()) +
                    " blocks (the product of the strides): choose a height and width that are "
                    "multiples of " +
                    std::to_string(block()) + ", or other strides");
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
