#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

struct Size {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const Size&) const = default;
};

/// Height x width, as messages have it: 224x160.
std::string size_text(Size size);

/// How an image is divided. A *block* is what one stage-3 token covers: `block()` pixels a side,
/// the product of the strides; the image is a grid of blocks in raster order. Every size of the
/// model follows from the image size and the strides, and nothing else in the program knows them.
///
/// Stages are numbered 1, 2, 3 as in the paper.
class Geometry {
 public:
  /// Throws UserError if the strides do not divide the image, or if its pixels could not be
  /// counted.
  Geometry(Size image, std::array<std::int64_t, 3> strides);

  Size image() const { return image_; }
  const std::array<std::int64_t, 3>& strides() const { return strides_; }
  /// Pixels along a block's side.
  std::int64_t block() const { return strides_[0] * strides_[1] * strides_[2]; }
  /// Blocks along the image's sides.
  Size grid() const { return {image_.height / block(), image_.width / block()}; }
  /// Number of blocks, the length L of the token sequence.
  std::int64_t num_blocks() const { return grid().height * grid().width; }
  /// Cells of that stage along a block's side: p2*p3, p3, 1.
  std::int64_t cells_per_side(int stage) const;
  /// Cells of that stage in a block.
  std::int64_t cells(int stage) const { return cells_per_side(stage) * cells_per_side(stage); }
  /// The sides of the nested rasters in which a block's cells lie, outermost first: stage 1 is
  /// {p3, p2} (by stage-2 cell, then by stage-1 cell inside it), stage 2 is {p3}, stage 3 is {}.
  std::vector<std::int64_t> nesting(int stage) const;

 private:
  Size image_;
  std::array<std::int64_t, 3> strides_;
};

}  // namespace convmae
