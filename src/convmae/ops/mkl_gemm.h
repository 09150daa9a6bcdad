#pragma once

#include <ATen/core/Tensor.h>

/// The one GEMM of bfloat16 matrices with a float32 result among the libraries: that of the MKL
/// in libtorch, which on CPUs with AMX multiplies by that. What ATen and oneDNN offer there rounds
/// the sums to bfloat16.
namespace convmae::mkl_gemm {

/// Whether this libtorch has it.
bool available();

/// grad [M, out], rows [M, in], both bfloat16 on the CPU and not empty: float32 [out, in].
at::Tensor weight_gradient(const at::Tensor& grad, const at::Tensor& rows);

}  // namespace convmae::mkl_gemm
