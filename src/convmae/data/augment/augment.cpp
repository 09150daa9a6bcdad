#include "convmae/data/augment/augment.h"

#include <algorithm>
#include <cassert>

namespace convmae {
namespace {

using augment_detail::Table;

template <typename Function>
Table table_of(const Function& function) {
  Table table;
  for (int value = 0; value < 256; ++value) {
    table[static_cast<std::size_t>(value)] = static_cast<std::uint8_t>(function(value));
  }
  return table;
}

}  // namespace

void augment(AugmentOp op, double argument, Rgb fill, Image& image, Image& scratch) {
  namespace detail = augment_detail;
  assert(image.type() == PixelType::uint8 && image.channels() == 3);
  const auto factor = static_cast<float>(argument);
  const auto whole = static_cast<int>(argument);
  const auto width = static_cast<double>(image.width());
  const auto height = static_cast<double>(image.height());
  switch (op) {
    case AugmentOp::auto_contrast:
      return detail::auto_contrast(image);
    case AugmentOp::equalize:
      return detail::equalize(image);
    case AugmentOp::invert:
      return detail::apply_table(table_of([](int v) { return 255 - v; }), image);
    case AugmentOp::rotate:
      if (argument == 0.0) return;
      return detail::warp(detail::rotation(argument, image.size()), fill, image, scratch);
    case AugmentOp::posterize:
      return detail::apply_table(table_of([whole](int v) { return v & ~((1 << (8 - whole)) - 1); }),
                                 image);
    case AugmentOp::solarize:
      return detail::apply_table(table_of([whole](int v) { return v < whole ? v : 255 - v; }),
                                 image);
    case AugmentOp::solarize_add:
      return detail::apply_table(
          table_of([whole](int v) { return v < 128 ? std::min(255, v + whole) : v; }), image);
    case AugmentOp::colour:
      return detail::change_colour(factor, image);
    case AugmentOp::contrast:
      return detail::change_contrast(factor, image);
    case AugmentOp::brightness:
      return detail::change_brightness(factor, image);
    case AugmentOp::sharpness:
      return detail::change_sharpness(factor, image, scratch);
    case AugmentOp::shear_x:
      return detail::warp({1, argument, 0, 0, 1, 0}, fill, image, scratch);
    case AugmentOp::shear_y:
      return detail::warp({1, 0, 0, argument, 1, 0}, fill, image, scratch);
    case AugmentOp::translate_x:
      return detail::warp({1, 0, argument * width, 0, 1, 0}, fill, image, scratch);
    case AugmentOp::translate_y:
      return detail::warp({1, 0, 0, 0, 1, argument * height}, fill, image, scratch);
  }
}

void mirror(Image& image) {
  const std::int64_t pixel = image.channels() * bytes_per_value(image.type());
  const std::int64_t row_bytes = image.width() * pixel;
  for (std::int64_t y = 0; y < image.height(); ++y) {
    std::byte* left = image.bytes() + y * row_bytes;
    std::byte* right = left + row_bytes - pixel;
    for (; left < right; left += pixel, right -= pixel) {
      std::swap_ranges(left, left + pixel, right);
    }
  }
}

}  // namespace convmae
