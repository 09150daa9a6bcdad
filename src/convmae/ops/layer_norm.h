#pragma once

#include <ATen/core/Tensor.h>

namespace convmae::ops {

/// The parameters of a LayerNorm: weight and bias [C].
struct Norm {
  at::Tensor weight;
  at::Tensor bias;
  double eps = 0;
};

/// (x - mean) / sqrt(variance + eps) * weight + bias over the last dimension (Ba et al., arXiv
/// 1607.06450), with the biased variance: x [..., C] -> [..., C]. bfloat16 x takes float32 weight
/// and bias, and statistics and every sum are float32: the library's own keeps the sums of
/// parameter gradients in bfloat16, which lost a third of them over 1,500 rows. Any floating type,
/// any device. Throws c10::Error on other shapes. Differentiable once.
///
/// Before a Linear, hand the norm to that (ops/linear.h, ops/mlp.h): then the CPU does not keep its
/// result.
at::Tensor layer_norm(const at::Tensor& x, const Norm& norm);

}  // namespace convmae::ops
