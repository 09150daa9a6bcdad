#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace convmae {

/// Who multiplies matrices: at::linear (MKL in the published wheels), or the wheel's oneDNN.
enum class GemmBackend { aten, onednn };

/// Throws UserError for another name.
GemmBackend parse_gemm_backend(const std::string& name);
std::string to_string(GemmBackend backend);

/// The backend that a fixed table of CPU vendor, instruction set and type names; never a timing, so
/// that the same machine always computes the same bits. `convmae bench` checks the table.
GemmBackend default_gemm_backend(at::ScalarType type);

/// Overrules the table for all types in this process; none returns to the table. Set it before the
/// first step: it is a property of a run, written to its log and checkpoints.
void set_gemm_backend(std::optional<GemmBackend> backend);
/// The backend in force.
GemmBackend gemm_backend(at::ScalarType type);

namespace ops {

/// a [M, K] times the transpose of b [N, K], plus bias [N]: [M, N]. Any strides; any backend; empty
/// matrices, float64 and float16 always go to ATen, as oneDNN refuses them. Not differentiable.
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b,
                const std::optional<at::Tensor>& bias = std::nullopt);

/// The gradient of a Linear's weight: the transpose of grad [M, N] times rows [M, K]: [N, K].
/// Not differentiable.
at::Tensor weight_gradient(const at::Tensor& grad, const at::Tensor& rows);

/// x [..., in] as rows [M, in] for a product with `matrix` [out, in]. Throws c10::Error if they do
/// not fit.
at::Tensor as_rows(const at::Tensor& x, const at::Tensor& matrix);

}  // namespace ops

}  // namespace convmae
