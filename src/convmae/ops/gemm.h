#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace convmae {

/// Who multiplies matrices: at::linear (MKL in the published wheels), the wheel's oneDNN, or our
/// own kernels (native_gemm.h: bfloat16 on CPUs with AVX-512 BF16).
enum class GemmBackend { aten, onednn, native };

/// Throws UserError for another name, and for a backend that this CPU lacks.
GemmBackend parse_gemm_backend(const std::string& name);
std::string to_string(GemmBackend backend);

/// The backend that a fixed table of CPU vendor, instruction set and type names; never a timing, so
/// that the same machine always computes the same bits. `convmae bench` checks the table.
GemmBackend default_gemm_backend(at::ScalarType type);

/// Whether this CPU has the backend at all.
bool has_gemm_backend(GemmBackend backend);

/// Overrules the table for GEMMs of this type in this process; none returns to the table, and so
/// does native for types that it does not take. Set it before the first step for the type that a
/// run computes in: it is a property of the run, written to its log and checkpoints. GEMMs of
/// other types, such as those of a float32 head on bfloat16 features, stay as the table says.
void set_gemm_backend(std::optional<GemmBackend> backend, at::ScalarType type);
/// The same for all types.
void set_gemm_backend(std::optional<GemmBackend> backend);
/// The backend in force.
GemmBackend gemm_backend(at::ScalarType type);

namespace ops {

/// The three GEMMs of a Linear with `in` inputs and `out` outputs on M rows. Any strides; any
/// backend; what it does not take goes to ATen: empty matrices and float16 always, for native all
/// but bfloat16 and sums over an odd depth. Not differentiable.
///
/// rows [M, in] times the transpose of weight [out, in], plus bias [out]: [M, out].
at::Tensor linear_forward(const at::Tensor& rows, const at::Tensor& weight,
                          const std::optional<at::Tensor>& bias = std::nullopt);
/// grad [M, out] times weight [out, in]: [M, in].
at::Tensor input_gradient(const at::Tensor& grad, const at::Tensor& weight);
/// The transpose of grad [M, out] times rows [M, in], in this type: [out, in]. Sums of bfloat16
/// factors are float32 and rounded once, to the type. The libraries' come from MKL, the only one
/// that gives them, whatever the backend.
at::Tensor weight_gradient(const at::Tensor& grad, const at::Tensor& rows, at::ScalarType type);
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

}  // namespace ops

}  // namespace convmae
