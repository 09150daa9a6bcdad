#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// The loops of ops::roi_align over channels, compiled once per instruction set; see depthwise.h.
/// `places` says where rows of `channels` numbers begin, and `weights`, in their type, what each
/// counts; there are `count` of both. f32 and f64 alone.
namespace convmae::roi_align_kernel {

struct Kernels {
  /// out[c] = the sum over i of weights[i] * x[places[i] + c].
  void (*gather)(const void* x, const std::int64_t* places, const void* weights, std::int64_t count,
                 std::int64_t channels, void* out);
  /// out[places[i] + c] += weights[i] * x[c].
  void (*scatter)(const void* x, const std::int64_t* places, const void* weights,
                  std::int64_t count, std::int64_t channels, void* out);
};

Kernels kernels_baseline(Element element);
Kernels kernels_avx2(Element element);
Kernels kernels_avx512(Element element);
Kernels kernels_avx512_bf16(Element element);

}  // namespace convmae::roi_align_kernel
