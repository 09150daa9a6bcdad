#pragma once

#include "convmae/ops/layer_norm.h"
#include "convmae/ops/operand.h"

#include <ATen/core/Tensor.h>

#include <optional>

namespace convmae::ops {

/// x * Phi(x), the exact GELU (Hendrycks and Gimpel, arXiv 1606.08415), to float32 rounding;
/// bfloat16 is computed in float32. Other types and devices go to at::gelu. Differentiable once.
at::Tensor gelu(const at::Tensor& x);

/// linear(gelu(linear(x, weight1, bias1, norm)), weight2, bias2) for x [..., in], with the types of
/// ops/linear.h. Differentiable once. As one function it keeps for the backward pass x and the
/// first GEMM alone: the GELU's result is computed again, which costs a CPU less than reading it
/// back. Other devices keep that too.
at::Tensor mlp(const at::Tensor& x, const Operand& weight1, const at::Tensor& bias1,
               const Operand& weight2, const at::Tensor& bias2,
               const std::optional<Norm>& norm = std::nullopt);

}  // namespace convmae::ops
