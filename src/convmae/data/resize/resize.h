#pragma once

#include "convmae/data/image.h"

#include <cstdint>
#include <vector>

namespace convmae {

enum class Filter { bilinear, bicubic };

/// Weights of the 8-bit resize: Pillow's 22 bits, or 10 of them, which is faster and seldom more
/// than one level off.
enum class WeightPrecision { full, coarse };

/// Pillow's resampling (versions up to 12), to the bit: antialiased, first along the width, then
/// along the height, with an 8-bit result between the two passes. uint8 images use weights in
/// multiples of 2^-22; other types are resampled as float32 with sums in double precision (Pillow's
/// mode F).
///
/// Holds the buffers of its work, so keep one a thread.
class Resizer {
 public:
  explicit Resizer(WeightPrecision precision = WeightPrecision::full) : precision_(precision) {}

  /// Resizes the part `crop` of `in`, as if it had been cut out before (taps stop at its border),
  /// to `size`. `window` is the part of the result that is wanted; only that is computed. `out`
  /// becomes `[window.height, window.width, in.channels()]`, uint8 for uint8, else float32. `crop`
  /// lies inside `in`, `window` inside `size`, both not empty.
  void resize(const Image& in, const Box& crop, Size size, const Box& window, Filter filter,
              Image& out);
  /// Gives back what a giant image took.
  void forget_giant() {
    between_.forget_giant();
    as_float_.forget_giant();
  }
  /// The whole result.
  void resize(const Image& in, const Box& crop, Size size, Filter filter, Image& out) {
    resize(in, crop, size, {0, 0, size.height, size.width}, filter, out);
  }

 private:
  WeightPrecision precision_;
  Image between_;
  Image as_float_;
};

}  // namespace convmae
