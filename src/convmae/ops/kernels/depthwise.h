#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// The inner loops of masked_depthwise_conv2d. The implementation is compiled once per instruction
/// set and picked at run time; this header is all that those files share with the rest of the
/// program, so that no inline function compiled for a newer CPU can end up in common code.
namespace convmae::depthwise_kernel {

constexpr int kMaxKernel = 15;

/// One problem, in row-major order; see masked_depthwise_conv2d.h for the shapes.
struct Problem {
  std::int64_t visible = 0;      ///< V
  std::int64_t side = 0;         ///< s, cells along a block's side
  std::int64_t channels = 0;     ///< C
  std::int64_t kernel = 0;       ///< k
  std::int64_t grid_height = 0;  ///< h
  std::int64_t grid_width = 0;   ///< w
  const std::int64_t* kept = nullptr;
  const std::int64_t* slot = nullptr;
  /// [s*s] raster position of a cell in its block -> its number in nested order, and the inverse.
  const std::int64_t* nested_of_raster = nullptr;
  const std::int64_t* raster_of_nested = nullptr;
};

/// out[row] = bias + sum over taps weight[tap] * x[neighbour], for the blocks [begin, end) of the
/// B*V blocks. `taps` is [k*k, C] and `bias` [C] or null, both in the accumulation type (double for
/// f64, else float). With the taps in reverse order and no bias this is the gradient of the input.
using Convolve = void (*)(const Problem& problem, const void* x, const void* taps, const void* bias,
                          void* out, std::int64_t begin, std::int64_t end);

/// Adds the gradient of one image's outputs to `taps_grad` [k*k, C] and `bias_grad` [C], both in
/// the accumulation type.
using TapsGradient = void (*)(const Problem& problem, const void* x, const void* grad_out,
                              void* taps_grad, void* bias_grad, std::int64_t image);

struct Kernels {
  Convolve convolve;
  TapsGradient taps_gradient;
};

Kernels kernels_baseline(Element element);
Kernels kernels_avx2(Element element);
Kernels kernels_avx512(Element element);
Kernels kernels_avx512_bf16(Element element);

}  // namespace convmae::depthwise_kernel
