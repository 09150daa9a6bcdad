#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace convmae::ops {

/// x [..., in] times the transpose of weight, plus bias [out]: [..., out]. weight is [out, in], or
/// a convolution's [out, in, 1, 1]. The one function under every Linear and 1x1 convolution;
/// forward, input gradient and weight gradient run on the backend of ops/gemm.h. Gradients that
/// nobody needs are not computed. Throws c10::Error on other shapes.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight,
                  const std::optional<at::Tensor>& bias);

}  // namespace convmae::ops
