#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

/// The three GEMMs of a Linear (gemm.h) by our own kernels, for bfloat16 matrices on CPUs with
/// AVX-512 BF16. Each number is one float32 sum over the depth in a fixed order, whatever the
/// number of threads, rounded once.
namespace convmae::native_gemm {

/// Whether this CPU has what the kernels need.
bool available();
/// Whether a GEMM of these factors can be computed here: bfloat16 matrices on the CPU, not
/// empty, and the depth, over which is summed, even.
bool takes(const at::Tensor& a, const at::Tensor& b, std::int64_t depth);

/// rows [M, in], weight [out, in], bias [out] of any type: [M, out].
at::Tensor forward(const at::Tensor& rows, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias);
/// grad [M, out], weight [out, in]: [M, in].
at::Tensor input_gradient(const at::Tensor& grad, const at::Tensor& weight);
/// grad [M, out], rows [M, in]: float32 [out, in]. M may be odd.
at::Tensor weight_gradient(const at::Tensor& grad, const at::Tensor& rows);

}  // namespace convmae::native_gemm
