#pragma once

#include "convmae/ops/gemm_policy.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace convmae::ops {

/// The three GEMMs of a Linear with `in` inputs and `out` outputs on M rows. Any strides; any
/// backend; what it does not take goes to ATen: empty matrices and float16 always, for native all
/// but bfloat16 and sums over an odd depth. Not differentiable.
///
/// rows [M, in] times the transpose of weight [out, in], plus bias [out]: [M, out].
at::Tensor linear_forward(const at::Tensor& rows, const at::Tensor& weight,
                          const std::optional<at::Tensor>& bias, GemmPolicy gemm);
/// grad [M, out] times weight [out, in]: [M, in].
at::Tensor input_gradient(const at::Tensor& grad, const at::Tensor& weight, GemmPolicy gemm);
/// The transpose of grad [M, out] times rows [M, in], in this type: [out, in]. Sums of bfloat16
/// factors are float32 and rounded once, to the type. On the CPU the libraries' come from MKL, the
/// only one that gives them, whatever the backend.
at::Tensor weight_gradient(const at::Tensor& grad, const at::Tensor& rows, at::ScalarType type,
                           GemmPolicy gemm);
/// The sum of grad [M, out] over its rows, in this type: [out]. Sums of types with fewer digits are
/// float32. The number of threads changes no bit.
at::Tensor bias_gradient(const at::Tensor& grad, at::ScalarType type);

/// x [..., in] as rows [M, in] for a GEMM with `matrix` [out, in]. Throws c10::Error if they do
/// not fit.
at::Tensor as_rows(const at::Tensor& x, const at::Tensor& matrix);

/// One of those GEMMs, as a benchmark needs to know it.
struct GemmShape {
  enum class Kind { forward, input_gradient, weight_gradient };

  Kind kind = Kind::forward;
  std::int64_t rows = 0;
  std::int64_t in = 0;
  std::int64_t out = 0;
  at::ScalarType type = at::kFloat;

  /// By kind, then by size: the order of a table.
  bool operator<(const GemmShape& other) const;
  /// Two operations a multiply-add.
  double flops() const;
};

/// Counts the GEMMs that are computed, by all threads, while it lives. One at a time.
class GemmCounter {
 public:
  GemmCounter();
  ~GemmCounter();
  GemmCounter(const GemmCounter&) = delete;
  GemmCounter& operator=(const GemmCounter&) = delete;

  void add(const GemmShape& shape);
  std::map<GemmShape, std::int64_t> counts() const;

 private:
  mutable std::mutex mutex_;
  std::map<GemmShape, std::int64_t> counts_;
};

}  // namespace convmae::ops
