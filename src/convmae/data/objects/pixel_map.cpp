#include "convmae/data/objects/pixel_map.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <numeric>
#include <utility>

namespace convmae {
namespace {

constexpr std::int64_t kPadding = -1;

/// Pillow's choice: the running sum, rounding errors included, is part of the result.
std::vector<std::int64_t> resized(const std::vector<std::int64_t>& from, std::int64_t to) {
  const double scale = static_cast<double>(from.size()) / static_cast<double>(to);
  std::vector<std::int64_t> map;
  map.reserve(static_cast<std::size_t>(to));
  double place = 0.5 * scale;
  for (std::int64_t i = 0; i < to; ++i, place += scale) {
    const auto source = static_cast<std::size_t>(place);
    assert(source < from.size());
    map.push_back(from[source]);
  }
  return map;
}

std::vector<std::int64_t> cropped(const std::vector<std::int64_t>& from, std::int64_t begin,
                                  std::int64_t length) {
  return {from.begin() + begin, from.begin() + begin + length};
}

/// A stretch of indices.
struct Stretch {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// The stretch of a map whose sources lie between `begin` and `end`; a map rises or falls but for
/// its padding.
Stretch stretch_from(const std::vector<std::int64_t>& map, std::int64_t begin, std::int64_t end) {
  const auto inside = [&](std::int64_t source) { return source >= begin && source < end; };
  const auto first = std::ranges::find_if(map, inside);
  const auto last = std::find_if_not(first, map.end(), inside);
  return {first - map.begin(), last - map.begin()};
}

/// Cuts off what is empty around the pixels; nothing is left of a mask without any.
PixelMask trimmed(PixelMask mask) {
  const std::int64_t width = mask.part.width;
  std::int64_t left = width;
  std::int64_t right = 0;
  std::int64_t top = mask.part.height;
  std::int64_t bottom = 0;
  for (std::int64_t y = 0; y < mask.part.height; ++y) {
    const auto row = mask.pixels.begin() + y * width;
    const auto first = std::find(row, row + width, 1);
    if (first == row + width) continue;
    const auto last =
        std::find(std::make_reverse_iterator(row + width), std::make_reverse_iterator(first), 1);
    left = std::min(left, first - row);
    right = std::max(right, last.base() - row);
    top = std::min(top, y);
    bottom = y + 1;
  }
  if (bottom == 0) return {};
  const Box part{mask.part.top + top, mask.part.left + left, bottom - top, right - left};
  if (part == mask.part) return mask;
  auto out = mask.pixels.begin();
  for (std::int64_t y = top; y < bottom; ++y) {
    const auto row = mask.pixels.begin() + y * width;
    out = std::copy(row + left, row + right, out);
  }
  mask.pixels.erase(out, mask.pixels.end());
  mask.part = part;
  return mask;
}

/// The pixels of a mask's box, column by column as run lengths have them.
std::vector<std::uint8_t> columns_of(const coco::Rle& mask, const Box& box) {
  std::vector<std::uint8_t> columns(static_cast<std::size_t>(box.height * box.width));
  const std::int64_t height = mask.size.height;
  std::int64_t place = 0;
  for (std::size_t i = 0; i < mask.runs.size(); ++i) {
    const std::int64_t end = place + mask.runs[i];
    // A run may go on in the next columns.
    while (i % 2 == 1 && place < end) {
      const std::int64_t x = place / height;
      const std::int64_t stop = std::min(end, (x + 1) * height);
      const std::int64_t shift = (x - box.left) * box.height - box.top - x * height;
      std::fill_n(columns.begin() + (place + shift), stop - place, std::uint8_t{1});
      place = stop;
    }
    place = end;
  }
  return columns;
}

}  // namespace

PixelMap::PixelMap(const GeometryPlan& plan)
    : rows_(static_cast<std::size_t>(plan.input.height)),
      columns_(static_cast<std::size_t>(plan.input.width)) {
  std::iota(rows_.begin(), rows_.end(), std::int64_t{0});
  std::iota(columns_.begin(), columns_.end(), std::int64_t{0});
  for (const Move& move : plan.moves) {
    if (const auto* const sizes = std::get_if<Resized>(&move)) {
      rows_ = resized(rows_, sizes->to.height);
      columns_ = resized(columns_, sizes->to.width);
    } else if (const auto* const crop = std::get_if<Cropped>(&move)) {
      const Box part = part_within(crop->window, {std::ssize(rows_), std::ssize(columns_)});
      rows_ = cropped(rows_, part.top, part.height);
      columns_ = cropped(columns_, part.left, part.width);
    } else if (const auto* const padded = std::get_if<Padded>(&move)) {
      rows_.resize(static_cast<std::size_t>(padded->to.height), kPadding);
      columns_.resize(static_cast<std::size_t>(padded->to.width), kPadding);
    } else {
      std::ranges::reverse(columns_);
    }
  }
}

PixelMask PixelMap::move(const coco::Rle& mask) const {
  const coco::XywhBox xywh = coco::rle_box(mask);
  const Box box{static_cast<std::int64_t>(xywh[1]), static_cast<std::int64_t>(xywh[0]),
                static_cast<std::int64_t>(xywh[3]), static_cast<std::int64_t>(xywh[2])};
  const Stretch rows = stretch_from(rows_, box.top, box.top + box.height);
  const Stretch columns = stretch_from(columns_, box.left, box.left + box.width);
  PixelMask moved;
  moved.part = {rows.begin, columns.begin, rows.end - rows.begin, columns.end - columns.begin};
  if (moved.part.height == 0 || moved.part.width == 0) return {};
  const std::vector<std::uint8_t> source = columns_of(mask, box);
  moved.pixels.reserve(static_cast<std::size_t>(moved.part.height * moved.part.width));
  for (std::int64_t y = rows.begin; y < rows.end; ++y) {
    const std::int64_t row = rows_[static_cast<std::size_t>(y)] - box.top;
    for (std::int64_t x = columns.begin; x < columns.end; ++x) {
      const std::int64_t column = columns_[static_cast<std::size_t>(x)] - box.left;
      moved.pixels.push_back(source[static_cast<std::size_t>(column * box.height + row)]);
    }
  }
  return trimmed(std::move(moved));
}

}  // namespace convmae
