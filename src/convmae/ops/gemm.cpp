#include "convmae/ops/gemm.h"

#include "convmae/base/error.h"
#include "convmae/ops/cpu_features.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <c10/util/Exception.h>

#include <atomic>

namespace convmae {
namespace {

// -1: as the table says.
std::atomic<int> g_overruled{-1};

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

bool onednn_takes(const at::Tensor& a, const at::Tensor& b) {
  const auto type = a.scalar_type();
  return a.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16) && a.numel() > 0 &&
         b.numel() > 0;
}

/// A bias is a parameter and may be of a higher precision than the product.
std::optional<at::Tensor> bias_of(const at::Tensor& a, const std::optional<at::Tensor>& bias) {
  return bias ? std::optional(bias->to(a.scalar_type())) : std::nullopt;
}

at::Tensor gemm_onednn(const at::Tensor& a, const at::Tensor& b,
                       const std::optional<at::Tensor>& bias) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                             .typed<LinearPointwise>();
  return op.call(a, b, bias_of(a, bias), "none", c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace

GemmBackend parse_gemm_backend(const std::string& name) {
  if (name == "aten") return GemmBackend::aten;
  if (name == "onednn") return GemmBackend::onednn;
  throw UserError("no backend of matrix products is named " + name + ": choose aten or onednn");
}

std::string to_string(GemmBackend backend) {
  return backend == GemmBackend::onednn ? "onednn" : "aten";
}

// MKL picks slower kernels on CPUs that are not Intel's: on an AMD CPU with AVX-512, one thread, it
// gives 95-100 GFLOP/s in float32 where oneDNN gives 180-215. bfloat16 goes to oneDNN on either
// way, 5 % faster on the direct one (docs/performance.md).
GemmBackend default_gemm_backend(at::ScalarType type) {
  const bool slow_mkl =
      cpu_vendor() != CpuVendor::intel && cpu_kernel_level() == KernelLevel::avx512;
  const bool has_onednn = type == at::kFloat || type == at::kBFloat16;
  return slow_mkl && has_onednn ? GemmBackend::onednn : GemmBackend::aten;
}

void set_gemm_backend(std::optional<GemmBackend> backend) {
  g_overruled = backend ? static_cast<int>(*backend) : -1;
}

GemmBackend gemm_backend(at::ScalarType type) {
  const int overruled = g_overruled;
  return overruled < 0 ? default_gemm_backend(type) : static_cast<GemmBackend>(overruled);
}

at::Tensor ops::gemm(const at::Tensor& a, const at::Tensor& b,
                     const std::optional<at::Tensor>& bias) {
  if (gemm_backend(a.scalar_type()) == GemmBackend::onednn && onednn_takes(a, b)) {
    return gemm_onednn(a, b, bias);
  }
  return at::linear(a, b, bias_of(a, bias));
}

// The direct way to oneDNN wants its first operand contiguous: one of the two factors is copied in
// transposed order, and if that is the right one, the result too. The smaller copy wins. ATen's own
// way takes transposed operands, and for bfloat16 leads to oneDNN as well.
at::Tensor ops::weight_gradient(const at::Tensor& grad, const at::Tensor& rows) {
  if (grad.scalar_type() == at::kBFloat16) return at::linear(grad.t(), rows.t());
  const std::int64_t m = grad.size(0);
  const std::int64_t n = grad.size(1);
  const std::int64_t k = rows.size(1);
  const bool onednn = gemm_backend(grad.scalar_type()) == GemmBackend::onednn;
  if (onednn && m * k + n * k < m * n) return gemm(rows.t(), grad.t()).t().contiguous();
  return gemm(grad.t(), rows.t());
}

at::Tensor ops::as_rows(const at::Tensor& x, const at::Tensor& matrix) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == matrix.size(1), "linear: x must be [..., ",
              matrix.size(1), "], found ", x.sizes());
  return x.reshape({-1, x.size(-1)});
}

}  // namespace convmae
