#include "convmae/ops/gemm.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/mkl_gemm.h"
#include "convmae/ops/native_gemm.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstdint>
#include <tuple>

namespace convmae {
namespace {

std::atomic<ops::GemmCounter*> g_counter{nullptr};

void count(ops::GemmShape::Kind kind, std::int64_t rows, std::int64_t in, std::int64_t out,
           at::ScalarType type) {
  if (ops::GemmCounter* const counter = g_counter) counter->add({kind, rows, in, out, type});
}

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

/// In bfloat16 oneDNN multiplies from AVX-512 on.
bool onednn_takes(const at::Tensor& a, const at::Tensor& b) {
  const bool has_type =
      a.scalar_type() == at::kFloat ||
      (a.scalar_type() == at::kBFloat16 && cpu_kernel_level() >= KernelLevel::avx512);
  return a.device().is_cpu() && has_type && a.numel() > 0 && b.numel() > 0;
}

/// A bias is a parameter and may be of a higher precision than the GEMM.
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

bool is_native(const at::Tensor& a, const at::Tensor& b, std::int64_t depth, GemmPolicy policy) {
  return policy.backend(a.scalar_type()) == GemmBackend::native && native_gemm::takes(a, b, depth);
}

/// a [M, K] times the transpose of b [N, K], plus bias [N], by the libraries.
at::Tensor library_gemm(const at::Tensor& a, const at::Tensor& b,
                        const std::optional<at::Tensor>& bias, GemmPolicy policy) {
  if (policy.backend(a.scalar_type()) == GemmBackend::onednn && onednn_takes(a, b)) {
    return gemm_onednn(a, b, bias);
  }
  return at::linear(a, b, bias_of(a, bias));
}

// The direct way to oneDNN wants its first operand contiguous: one of the two factors is copied in
// transposed order, and if that is the right one, the result too. The smaller copy wins.
at::Tensor library_weight_gradient(const at::Tensor& grad, const at::Tensor& rows,
                                   GemmPolicy policy) {
  const std::int64_t m = grad.size(0);
  const std::int64_t out = grad.size(1);
  const std::int64_t in = rows.size(1);
  const bool onednn = policy.backend(grad.scalar_type()) == GemmBackend::onednn;
  if (onednn && grad.is_cpu() && m * in + out * in < m * out) {
    return library_gemm(rows.t(), grad.t(), std::nullopt, policy).t().contiguous();
  }
  return library_gemm(grad.t(), rows.t(), std::nullopt, policy);
}

}  // namespace

at::Tensor ops::linear_forward(const at::Tensor& rows, const at::Tensor& weight,
                               const std::optional<at::Tensor>& bias, GemmPolicy gemm) {
  count(GemmShape::Kind::forward, rows.size(0), rows.size(1), weight.size(0), rows.scalar_type());
  if (is_native(rows, weight, rows.size(1), gemm)) {
    return native_gemm::forward(rows, weight, bias);
  }
  return library_gemm(rows, weight, bias, gemm);
}

at::Tensor ops::input_gradient(const at::Tensor& grad, const at::Tensor& weight, GemmPolicy gemm) {
  count(GemmShape::Kind::input_gradient, grad.size(0), weight.size(1), weight.size(0),
        grad.scalar_type());
  if (is_native(grad, weight, grad.size(1), gemm)) {
    return native_gemm::input_gradient(grad, weight);
  }
  return library_gemm(grad, weight.t(), std::nullopt, gemm);
}

at::Tensor ops::weight_gradient(const at::Tensor& grad, const at::Tensor& rows, at::ScalarType type,
                                GemmPolicy gemm) {
  count(GemmShape::Kind::weight_gradient, grad.size(0), rows.size(1), grad.size(1),
        grad.scalar_type());
  constexpr std::int64_t kAnyDepth = 0;
  if (is_native(grad, rows, kAnyDepth, gemm)) {
    return native_gemm::weight_gradient(grad, rows).to(type);
  }
  if (mkl_gemm::available() && native_gemm::takes(grad, rows, kAnyDepth)) {
    return mkl_gemm::weight_gradient(grad, rows).to(type);
  }
  const bool rounds = grad.scalar_type() == at::kBFloat16;
  // CUDA's library gives float32 sums of bfloat16 factors.
  if (grad.is_cuda() && rounds) return at::mm(grad.t(), rows, at::kFloat).to(type);
  // The other libraries would round them to bfloat16.
  const at::ScalarType factors = rounds ? at::kFloat : grad.scalar_type();
  return library_weight_gradient(grad.to(factors), rows.to(factors), gemm).to(type);
}

at::Tensor ops::bias_gradient(const at::Tensor& grad, at::ScalarType type) {
  // Sums in a type of fewer digits would lose what many rows add.
  return grad.sum(0, /*keepdim=*/false, accumulation_type(grad)).to(type);
}

at::Tensor ops::as_rows(const at::Tensor& x, const at::Tensor& matrix) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == matrix.size(1), "linear: x must be [..., ",
              matrix.size(1), "], found ", x.sizes());
  return x.reshape({-1, x.size(-1)});
}

bool ops::GemmShape::operator<(const GemmShape& other) const {
  return std::tie(kind, rows, in, out, type) <
         std::tie(other.kind, other.rows, other.in, other.out, other.type);
}

double ops::GemmShape::flops() const {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
}

ops::GemmCounter::GemmCounter() {
  GemmCounter* none = nullptr;
  TORCH_CHECK(g_counter.compare_exchange_strong(none, this), "GEMMs are being counted already");
}

ops::GemmCounter::~GemmCounter() { g_counter = nullptr; }

void ops::GemmCounter::add(const GemmShape& shape) {
  const std::lock_guard lock(mutex_);
  ++counts_[shape];
}

std::map<ops::GemmShape, std::int64_t> ops::GemmCounter::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace convmae
