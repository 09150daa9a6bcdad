#pragma once

#include "convmae/ops/layer_norm.h"
#include "convmae/ops/operand.h"

#include <ATen/core/Tensor.h>

#include <optional>

namespace convmae::ops {

/// x [..., in] times the transpose of weight [out, in], plus bias [out]: [..., out]. The one
/// function under every Linear and 1x1 convolution; forward, input gradient and weight gradient run
/// on the backend of the operand's policy, in the type of x: bfloat16 x takes float32 weights,
/// whose gradients are float32. Gradients that nobody needs are not computed; they are not
/// differentiable again (c10::Error). With `norm`, of the layer_norm of x, which the CPU does not
/// keep for the backward pass. Throws c10::Error on other shapes.
at::Tensor linear(const at::Tensor& x, const Operand& weight, const std::optional<at::Tensor>& bias,
                  const std::optional<Norm>& norm = std::nullopt);

}  // namespace convmae::ops
