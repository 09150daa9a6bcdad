#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// The loops of ops::gelu, compiled once per instruction set; see depthwise.h.
namespace convmae::gelu_kernel {

struct Kernels {
  /// y = x * Phi(x), for n numbers. y may be x.
  void (*forward)(const void* x, void* y, std::int64_t n);
  /// grad_x = grad_y * (Phi(x) + x * phi(x)). grad_x may be grad_y.
  void (*backward)(const void* x, const void* grad_y, void* grad_x, std::int64_t n);
  /// Both in one pass, for which Phi is computed once. y may be x, grad_x may be grad_y.
  void (*both)(const void* x, const void* grad_y, void* y, void* grad_x, std::int64_t n);
};

/// For f32 and bf16.
Kernels kernels_baseline(Element element);
Kernels kernels_avx2(Element element);
Kernels kernels_avx512(Element element);
Kernels kernels_avx512_bf16(Element element);

}  // namespace convmae::gelu_kernel
