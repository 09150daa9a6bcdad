#pragma once

#include "convmae/data/resize_weights.h"

#include <cstdint>

namespace convmae {

/// The inner loops of the 8-bit resize. All variants compute the same integers.
struct ResizeKernels {
  /// One row along the width: `out[x, c] = sum over taps of in[first[x] + tap, c] * weight`,
  /// rounded and clipped. `in` may be read up to Image::kPadding bytes behind the last tap.
  void (*along_width)(const std::uint8_t* in, std::int64_t channels,
                      const ResizeWeights<std::int32_t>& weights, std::uint8_t* out);
  /// One output row along the height: `values` sums over `taps` rows that lie `stride` bytes apart.
  void (*along_height)(const std::uint8_t* in, std::int64_t stride, std::int64_t values,
                       const std::int32_t* weights, std::int64_t taps, std::uint8_t* out);
};

/// The fastest variant that this CPU runs.
const ResizeKernels& resize_kernels();

}  // namespace convmae
