#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// The loops of ops::column_sums, compiled once per instruction set; see depthwise.h.
namespace convmae::column_sums_kernel {

struct Kernels {
  /// sums[j] = the sum over the rows of x[i * stride + j], for j < columns; in the accumulation
  /// type (double for f64, else float).
  void (*sum)(const void* x, std::int64_t rows, std::int64_t columns, std::int64_t stride,
              void* sums);
};

Kernels kernels_baseline(Element element);
Kernels kernels_avx2(Element element);
Kernels kernels_avx512(Element element);
Kernels kernels_avx512_bf16(Element element);

}  // namespace convmae::column_sums_kernel
