#include "convmae/coco/rle.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/coco/run_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace convmae::coco {
namespace {

constexpr unsigned kDigitBits = 5;
constexpr unsigned kDigitMask = 0x1F;
constexpr unsigned kMore = 0x20;
constexpr unsigned kSign = 0x10;
constexpr unsigned char kFirstCharacter = 48;

[[noreturn]] void throw_sum(Size size, const std::string& found) {
  throw UserError("expected run lengths that sum to the pixels of a mask of " + size_text(size) +
                  ", found " + found);
}

void require_sum(std::int64_t sum, std::int64_t pixels, Size size) {
  if (sum != pixels) throw_sum(size, "a sum of " + std::to_string(sum));
}

/// Walks over two masks at once: `visit(length, in_a, in_b)` for every stretch on which neither
/// changes.
template <typename Visit>
void walk(const Rle& a, const Rle& b, Visit visit) {
  std::size_t next_a = 0;
  std::size_t next_b = 0;
  std::uint32_t left_a = 0;
  std::uint32_t left_b = 0;
  bool in_a = true;  // the first run turns it off
  bool in_b = true;
  while (true) {
    while (left_a == 0 && next_a < a.runs.size()) {
      left_a = a.runs[next_a++];
      in_a = !in_a;
    }
    while (left_b == 0 && next_b < b.runs.size()) {
      left_b = b.runs[next_b++];
      in_b = !in_b;
    }
    const std::uint32_t length = std::min(left_a, left_b);
    if (length == 0) return;
    visit(length, in_a, in_b);
    left_a -= length;
    left_b -= length;
  }
}

template <typename Combine>
Rle merge(std::span<const Rle> masks, Combine combine) {
  if (masks.empty()) throw UserError("expected at least one mask to merge, found none");
  Rle merged = masks.front();
  Rle next;
  for (const Rle& mask : masks.subspan(1)) {
    if (mask.size != merged.size) {
      throw UserError("expected masks of one size, found " + size_text(merged.size) + " and " +
                      size_text(mask.size));
    }
    next.size = merged.size;
    RunWriter writer(next.runs);
    walk(merged, mask, [&](std::uint32_t length, bool in_a, bool in_b) {
      writer.add(length, combine(in_a, in_b));
    });
    std::swap(merged, next);
  }
  return merged;
}

}  // namespace

std::int64_t mask_pixels(Size size) {
  const auto pixels = checked_multiply(size.height, size.width);
  if (size.height < 1 || size.width < 1 || !pixels ||
      *pixels > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
    throw UserError("expected a mask of 1 to 4294967295 pixels, found a size of " +
                    size_text(size));
  }
  return *pixels;
}

Rle rle_from_runs(Size size, std::span<const std::int64_t> runs) {
  const std::int64_t pixels = mask_pixels(size);
  Rle rle{size, {}};
  rle.runs.reserve(runs.size());
  std::int64_t sum = 0;
  for (const std::int64_t run : runs) {
    if (run < 0) {
      throw UserError("expected run lengths of 0 or more, found " + std::to_string(run));
    }
    if (run > pixels - sum) throw_sum(size, "a larger sum");
    sum += run;
    rle.runs.push_back(static_cast<std::uint32_t>(run));
  }
  require_sum(sum, pixels, size);
  return rle;
}

void read_rle_text(Size size, std::string_view text, Rle& rle) {
  constexpr unsigned kMostBits = 40;  // what 32 bits and a sign need, in whole digits
  const std::int64_t pixels = mask_pixels(size);
  rle.size = size;
  // A run has at least one character; the end is cut off below.
  rle.runs.resize(text.size());
  std::uint32_t* const runs = rle.runs.data();
  std::size_t count = 0;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < text.size(); ++count) {
    std::int64_t value = 0;
    unsigned shift = 0;
    unsigned digit = kMore;
    while ((digit & kMore) != 0) {
      if (i == text.size())
        throw UserError("expected a whole run length, found the end of the text");
      digit = static_cast<unsigned char>(text[i++]) - unsigned{kFirstCharacter};
      if (digit > (kDigitMask | kMore)) {
        throw UserError("expected run lengths in characters from '0' to 'o', found another one");
      }
      if (shift == kMostBits)
        throw UserError("expected run lengths of 32 bits, found a longer one");
      value |= static_cast<std::int64_t>(digit & kDigitMask) << shift;
      shift += kDigitBits;
    }
    if ((digit & kSign) != 0) value -= std::int64_t{1} << shift;
    if (count > 2) value += runs[count - 2];
    if (value < 0) {
      throw UserError("expected run lengths of 0 or more, found " + std::to_string(value));
    }
    if (value > pixels - sum) throw_sum(size, "a larger sum");
    sum += value;
    runs[count] = static_cast<std::uint32_t>(value);
  }
  rle.runs.resize(count);
  require_sum(sum, pixels, size);
}

Rle rle_from_text(Size size, std::string_view text) {
  Rle rle;
  read_rle_text(size, text, rle);
  return rle;
}

std::string rle_text(const Rle& rle) {
  std::string text;
  text.reserve(2 * rle.runs.size());
  for (std::size_t i = 0; i < rle.runs.size(); ++i) {
    std::int64_t value = rle.runs[i];
    if (i > 2) value -= rle.runs[i - 2];
    bool more = true;
    while (more) {
      auto digit = static_cast<unsigned>(value) & kDigitMask;
      value >>= kDigitBits;
      more = (digit & kSign) != 0 ? value != -1 : value != 0;
      if (more) digit |= kMore;
      text += static_cast<char>(digit + kFirstCharacter);
    }
  }
  return text;
}

Rle rle_from_pixels(Size size, std::span<const std::uint8_t> pixels) {
  mask_pixels(size);
  Rle rle{size, {}};
  RunWriter writer(rle.runs);
  for (std::int64_t x = 0; x < size.width; ++x) {
    for (std::int64_t y = 0; y < size.height; ++y) {
      writer.add(1, pixels[static_cast<std::size_t>(y * size.width + x)] != 0);
    }
  }
  return rle;
}

std::vector<std::uint8_t> rle_pixels(const Rle& rle) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(mask_pixels(rle.size)));
  std::int64_t place = 0;
  for (std::size_t i = 0; i < rle.runs.size(); ++i) {
    const std::int64_t end = place + rle.runs[i];
    for (; i % 2 == 1 && place < end; ++place) {
      const std::int64_t row = place % rle.size.height;
      pixels[static_cast<std::size_t>(row * rle.size.width + place / rle.size.height)] = 1;
    }
    place = end;
  }
  return pixels;
}

std::int64_t rle_area(const Rle& rle) {
  std::int64_t area = 0;
  for (std::size_t i = 1; i < rle.runs.size(); i += 2) area += rle.runs[i];
  return area;
}

XywhBox rle_box(const Rle& rle) {
  // 32 bits: this division takes most of the time.
  const auto height = static_cast<std::uint32_t>(rle.size.height);
  std::uint32_t left = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t right = 0;
  std::uint32_t top = height;
  std::uint32_t bottom = 0;
  std::uint32_t place = 0;
  for (std::size_t i = 1; i < rle.runs.size(); i += 2) {
    place += rle.runs[i - 1];
    const std::uint32_t length = rle.runs[i];
    if (length == 0) continue;
    const std::uint32_t column = place / height;
    const std::uint32_t row = place - column * height;
    const std::uint32_t last = row + length - 1;  // no overflow: both lie in the mask
    left = std::min(left, column);
    if (last < height) {
      right = std::max(right, column);
      top = std::min(top, row);
      bottom = std::max(bottom, last);
    } else {
      right = std::max(right, column + last / height);
      top = 0;
      bottom = height - 1;
    }
    place += length;
  }
  if (top == height) return {0, 0, 0, 0};
  return {static_cast<double>(left), static_cast<double>(top),
          static_cast<double>(right) - left + 1, static_cast<double>(bottom) - top + 1};
}

std::int64_t rle_intersection(const Rle& a, const Rle& b) {
  std::int64_t common = 0;
  walk(a, b, [&](std::uint32_t length, bool in_a, bool in_b) {
    if (in_a && in_b) common += length;
  });
  return common;
}

Rle rle_union(std::span<const Rle> masks) {
  return merge(masks, [](bool a, bool b) { return a || b; });
}

Rle rle_common(std::span<const Rle> masks) {
  return merge(masks, [](bool a, bool b) { return a && b; });
}

double rle_iou(const Rle& detection, const Rle& truth, bool crowd) {
  if (!(box_iou(rle_box(detection), rle_box(truth), crowd) > 0)) return 0;
  if (detection.size != truth.size) return -1;
  const std::int64_t common = rle_intersection(detection, truth);
  if (common == 0) return 0;
  const std::int64_t area = rle_area(detection);
  return static_cast<double>(common) /
         static_cast<double>(crowd ? area : area + rle_area(truth) - common);
}

double box_iou(const XywhBox& detection, const XywhBox& truth, bool crowd) {
  const double width = std::fmin(detection[2] + detection[0], truth[2] + truth[0]) -
                       std::fmax(detection[0], truth[0]);
  if (width <= 0) return 0;
  const double height = std::fmin(detection[3] + detection[1], truth[3] + truth[1]) -
                        std::fmax(detection[1], truth[1]);
  if (height <= 0) return 0;
  const double common = width * height;
  const double area = detection[2] * detection[3];
  return common / (crowd ? area : area + truth[2] * truth[3] - common);
}

}  // namespace convmae::coco
