#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// The loops of ops::layer_norm, compiled once per instruction set; see depthwise.h.
namespace convmae::layer_norm_kernel {

/// Rows [rows, dim] of the element type. Everything else is in the accumulation type: double for
/// f64, else float.
struct Forward {
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  const void* x = nullptr;
  const void* weight = nullptr;  ///< [dim]
  const void* bias = nullptr;    ///< [dim]
  double eps = 0;
  void* y = nullptr;
  void* mean = nullptr;               ///< [rows]
  void* inverse_deviation = nullptr;  ///< [rows] 1 / sqrt(variance + eps)
};

struct Backward {
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  const void* x = nullptr;
  const void* weight = nullptr;
  const void* mean = nullptr;
  const void* inverse_deviation = nullptr;
  const void* grad_y = nullptr;
  void* grad_x = nullptr;
  void* grad_weight = nullptr;  ///< [dim], added to
  void* grad_bias = nullptr;    ///< [dim], added to
  const void* bias = nullptr;   ///< [dim] read for y alone
  void* y = nullptr;            ///< the result of the forward pass once more, if not null
};

struct Kernels {
  void (*forward)(const Forward& problem);
  void (*backward)(const Backward& problem);
};

Kernels kernels_baseline(Element element);
Kernels kernels_avx2(Element element);
Kernels kernels_avx512(Element element);
Kernels kernels_avx512_bf16(Element element);

}  // namespace convmae::layer_norm_kernel
