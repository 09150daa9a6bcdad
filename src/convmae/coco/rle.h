#pragma once

#include "convmae/base/geometry.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae::coco {

/// x, y, width, height in pixels, as COCO writes boxes.
using XywhBox = std::array<double, 4>;

/// A mask as run lengths: down the columns, from left to right, beginning with pixels that are not
/// in it. The runs sum to height * width. Runs of length 0 are allowed.
struct Rle {
  Size size;
  std::vector<std::uint32_t> runs;
  bool operator==(const Rle&) const = default;
};

/// Pixels of an image whose runs 32 bits can count. Throws UserError for more, and for a size below
/// 1.
std::int64_t mask_pixels(Size size);

/// A mask from run lengths in a file. Throws UserError if one is negative or they do not sum to
/// height * width.
Rle rle_from_runs(Size size, std::span<const std::int64_t> runs);

/// A mask from pycocotools' text of run lengths: each run from the fourth on minus the one before
/// the last, 5 bits a character, low bits first, 0x20 where more follow, plus 48. Throws UserError
/// for characters that are no such digits, a run that is cut off, negative or too long, and runs
/// that do not sum to height * width.
Rle rle_from_text(Size size, std::string_view text);
/// The same into `rle`, whose memory is used again.
void read_rle_text(Size size, std::string_view text, Rle& rle);
std::string rle_text(const Rle& rle);

/// A mask from pixels in rows, 0 for those that are not in it.
Rle rle_from_pixels(Size size, std::span<const std::uint8_t> pixels);
/// Pixels in rows, 0 or 1.
std::vector<std::uint8_t> rle_pixels(const Rle& rle);

std::int64_t rle_area(const Rle& rle);
/// The smallest box around the mask; all zero for an empty one.
XywhBox rle_box(const Rle& rle);

/// Pixels in both masks, which have one size.
std::int64_t rle_intersection(const Rle& a, const Rle& b);
/// Pixels that are in any of the masks (in all of them), which have one size. One mask alone is
/// copied, runs of length 0 included. Throws UserError if sizes differ or there is no mask.
Rle rle_union(std::span<const Rle> masks);
Rle rle_common(std::span<const Rle> masks);

/// Intersection over union; over the area of `detection` if the other is a crowd. -1 if the sizes
/// differ, as pycocotools has it, but 0 if the boxes around the masks do not overlap.
double rle_iou(const Rle& detection, const Rle& truth, bool crowd);

/// The same of boxes, in double precision and pycocotools' order.
double box_iou(const XywhBox& detection, const XywhBox& truth, bool crowd);

}  // namespace convmae::coco
