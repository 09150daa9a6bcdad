#pragma once

#include <cstdint>

namespace convmae {

/// What a warp reads. Plain pointers: what is compiled for one instruction set must not share
/// inline functions with the rest of the program.
struct WarpSource {
  const std::uint8_t* pixels = nullptr;  ///< RGB, rows without gaps, Image::kPadding bytes behind
  std::int64_t height = 0;
  std::int64_t width = 0;
  /// Source of the pixel (x, y): (m0 x' + m1 y' + m2, m3 x' + m4 y' + m5), pixel centres at .5.
  const double* map = nullptr;
  const std::uint8_t* fill = nullptr;  ///< colour of what lies outside
};

/// The inner loop of a bicubic warp (a = -1, edge pixels repeated). All variants compute the same
/// pixels: in double precision, in the same order.
struct WarpKernels {
  /// Pixels `begin .. end - 1` of row y; `out` is where pixel `begin` goes. May write one byte
  /// behind the last one: rows and their parts are written in ascending order.
  void (*row)(const WarpSource& source, std::int64_t y, std::int64_t begin, std::int64_t end,
              std::uint8_t* out);
};

extern const WarpKernels kWarpGeneric;
extern const WarpKernels kWarpAvx2;

/// The fastest variant that this CPU runs.
const WarpKernels& warp_kernels();

}  // namespace convmae
