#include "convmae/data/objects/object_mask.h"

#include "convmae/coco/polygon.h"
#include "convmae/coco/rle.h"

#include <algorithm>

namespace convmae {
namespace {

std::vector<std::uint8_t> drawn(const std::vector<Polygon>& polygons, Size image) {
  std::vector<coco::Rle> masks;
  masks.reserve(polygons.size());
  for (const Polygon& polygon : polygons) masks.push_back(coco::rle_from_polygon(image, polygon));
  return coco::rle_pixels(coco::rle_union(masks));
}

}  // namespace

std::vector<std::uint8_t> draw_mask(const ObjectMask& mask, Size image) {
  const auto* const polygons = std::get_if<std::vector<Polygon>>(&mask);
  if (polygons != nullptr && !polygons->empty()) return drawn(*polygons, image);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(image.height * image.width));
  if (const auto* const part = std::get_if<PixelMask>(&mask)) {
    const std::uint8_t* row = part->pixels.data();
    for (std::int64_t y = 0; y < part->part.height; ++y, row += part->part.width) {
      std::copy_n(row, part->part.width,
                  pixels.data() + (part->part.top + y) * image.width + part->part.left);
    }
  }
  return pixels;
}

}  // namespace convmae
