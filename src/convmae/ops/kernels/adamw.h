#pragma once

#include <cstdint>

/// The loop of ops::adamw_step, compiled once per instruction set; see depthwise.h.
namespace convmae::adamw_kernel {

/// n numbers of a float32 parameter and what belongs to them.
struct Numbers {
  std::int64_t count = 0;
  float* param = nullptr;
  const float* grad = nullptr;
  float* exp_avg = nullptr;
  float* exp_avg_sq = nullptr;
  std::uint16_t* copy = nullptr;  ///< the parameter in bfloat16; may be null
};

/// The factors of a step.
struct Factors {
  float keep = 1;     ///< 1 - lr * weight_decay
  float new_avg = 0;  ///< 1 - beta1
  float beta2 = 0;
  float new_avg_sq = 0;    ///< 1 - beta2
  float step_size = 0;     ///< lr / (1 - beta1^t)
  float inverse_root = 1;  ///< 1 / sqrt(1 - beta2^t)
  float eps = 0;
};

struct Kernels {
  /// exp_avg and exp_avg_sq become the new averages of the gradient and its square, and then
  /// param = keep * param - step_size * exp_avg / (inverse_root * sqrt(exp_avg_sq) + eps).
  void (*step)(const Numbers& numbers, const Factors& factors);
};

Kernels kernels_baseline();
Kernels kernels_avx2();
Kernels kernels_avx512();
Kernels kernels_avx512_bf16();

}  // namespace convmae::adamw_kernel
