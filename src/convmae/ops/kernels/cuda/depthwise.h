#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// masked_depthwise_conv2d on a GPU; see masked_depthwise_conv2d.h for the shapes. No torch and no
/// CUDA header: callers hand over plain pointers to memory of the device, and a stream.
namespace convmae::depthwise_cuda {

constexpr int kMaxLevels = 8;

/// One problem. Unlike the CPU's it has no tables, which would have to be copied to the device.
struct Problem {
  std::int64_t rows = 0;      ///< B*V
  std::int64_t visible = 0;   ///< V
  std::int64_t channels = 0;  ///< C
  int kernel = 0;             ///< k
  int side = 0;               ///< s, the product of the nesting
  int levels = 0;             ///< sides in `nesting`, those of 1 left out
  int nesting[kMaxLevels] = {};
  int grid_height = 0;  ///< h
  int grid_width = 0;   ///< w
  const std::int64_t* kept = nullptr;
  const std::int64_t* slot = nullptr;
};

/// out = bias + sum over taps weight[tap] * x[neighbour]. `taps` is [k*k, C] and `bias` [C] or
/// null, both in the accumulation type (double for f64, else float). With the taps in reverse order
/// and no bias this is the gradient of the input. Returns CUDA's error code, 0 for none.
int convolve(Element element, const Problem& problem, const void* x, const void* taps,
             const void* bias, void* out, void* stream);

/// The gradients of taps and bias by parts of the rows, sums [parts, k*k + 1, C] in the
/// accumulation type, the bias's last: added up in the order of the parts they are the same bits in
/// every run. Returns CUDA's error code, 0 for none.
int taps_gradient(Element element, const Problem& problem, const void* x, const void* grad_out,
                  void* sums, std::int64_t parts, void* stream);

}  // namespace convmae::depthwise_cuda
