#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae::ops {

/// A parameter and what Adam remembers of it: tensors of one shape. `exp_avg` and `exp_avg_sq` are
/// the moving averages of the gradient and its square; `copy`, which may be undefined, is the
/// parameter in bfloat16.
struct AdamWTensors {
  at::Tensor param;
  at::Tensor grad;
  at::Tensor exp_avg;
  at::Tensor exp_avg_sq;
  at::Tensor copy;
};

struct AdamWFactors {
  double lr = 0;
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double weight_decay = 0;
  std::int64_t step = 1;  ///< counted from 1
};

/// One step of Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm
/// 2): changes `param`, the averages and `copy` in place, in one pass over memory. Without
/// gradient. The number of threads changes no bit. Version counters are raised.
void adamw_step(const AdamWTensors& tensors, const AdamWFactors& factors);

}  // namespace convmae::ops
