#pragma once

#include "convmae/data/image.h"

#include <cstdint>
#include <vector>

namespace convmae {

// OpenCV's resizing, to the bit for uint8, where mmsegmentation has it: other pixels than Pillow's.

/// Which pixel of a side of `from` each pixel of a side of `to` is a copy of: INTER_NEAREST.
std::vector<std::int64_t> nearest_indices(std::int64_t from, std::int64_t to);

/// INTER_LINEAR: from two pixels in each direction, however much smaller the result is. Exact
/// halving in both directions is the mean of four pixels. uint8 images use OpenCV's 11 bits of
/// weight; other types are resized as float32.
///
/// Holds the buffers of its work, so keep one a thread.
class LinearResizer {
 public:
  /// Resizes `in` to `size`, of which the part `window` alone is computed. `out` becomes
  /// [window.height, window.width, in.channels()], uint8 for uint8, else float32. `window` lies
  /// inside `size` and is not empty.
  void resize(const Image& in, Size size, const Box& window, Image& out);
  /// Gives back what a giant image took.
  void forget_giant() { as_float_.forget_giant(); }

 private:
  Image as_float_;
};

}  // namespace convmae
