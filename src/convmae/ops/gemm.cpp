#include "convmae/ops/gemm.h"

#include "convmae/base/error.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/mkl_gemm.h"
#include "convmae/ops/native_gemm.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <c10/util/Exception.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <tuple>

namespace convmae {
namespace {

// For each type 0, as the table says, or 1 + the backend.
std::array<std::atomic<int>, static_cast<std::size_t>(at::ScalarType::NumOptions)> g_overruled{};

std::atomic<int>& overruled(at::ScalarType type) {
  return g_overruled.at(static_cast<std::size_t>(type));
}

std::atomic<ops::GemmCounter*> g_counter{nullptr};

void count(ops::GemmShape::Kind kind, std::int64_t rows, std::int64_t in, std::int64_t out,
           at::ScalarType type) {
  if (ops::GemmCounter* const counter = g_counter) counter->add({kind, rows, in, out, type});
}

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

bool onednn_takes(const at::Tensor& a, const at::Tensor& b) {
  const auto type = a.scalar_type();
  return a.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16) && a.numel() > 0 &&
         b.numel() > 0;
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

bool native_takes(const at::Tensor& a, const at::Tensor& b, std::int64_t depth) {
  return gemm_backend(a.scalar_type()) == GemmBackend::native && native_gemm::takes(a, b, depth);
}

/// a [M, K] times the transpose of b [N, K], plus bias [N], by the libraries.
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b,
                const std::optional<at::Tensor>& bias = std::nullopt) {
  if (gemm_backend(a.scalar_type()) == GemmBackend::onednn && onednn_takes(a, b)) {
    return gemm_onednn(a, b, bias);
  }
  return at::linear(a, b, bias_of(a, bias));
}

// The direct way to oneDNN wants its first operand contiguous: one of the two factors is copied in
// transposed order, and if that is the right one, the result too. The smaller copy wins.
at::Tensor library_weight_gradient(const at::Tensor& grad, const at::Tensor& rows) {
  const std::int64_t m = grad.size(0);
  const std::int64_t out = grad.size(1);
  const std::int64_t in = rows.size(1);
  const bool onednn = gemm_backend(grad.scalar_type()) == GemmBackend::onednn;
  if (onednn && m * in + out * in < m * out) return gemm(rows.t(), grad.t()).t().contiguous();
  return gemm(grad.t(), rows.t());
}

}  // namespace

GemmBackend parse_gemm_backend(const std::string& name) {
  if (name == "aten") return GemmBackend::aten;
  if (name == "onednn") return GemmBackend::onednn;
  if (name == "native") {
    if (!native_gemm::available()) {
      throw UserError("matrix products by the backend native need a CPU with AVX-512 BF16");
    }
    return GemmBackend::native;
  }
  throw UserError("no backend of matrix products is named " + name +
                  ": choose aten, onednn or native");
}

std::string to_string(GemmBackend backend) {
  switch (backend) {
    case GemmBackend::onednn:
      return "onednn";
    case GemmBackend::native:
      return "native";
    case GemmBackend::aten:
      break;
  }
  return "aten";
}

// MKL picks slower kernels on CPUs that are not Intel's: on an AMD CPU with AVX-512, one thread, it
// gives 95-100 GFLOP/s in float32 where oneDNN gives 180-215. In bfloat16 our kernels come nearer
// to what the CPU can do than oneDNN's (docs/performance.md), except for AMX, which they do not
// use. There ATen comes to oneDNN too, but adds the bias in passes of its own.
GemmBackend default_gemm_backend(at::ScalarType type) {
  if (type == at::kBFloat16 && cpu_has_bf16()) {
    return cpu_has_fast_bf16() ? GemmBackend::native : GemmBackend::onednn;
  }
  const bool slow_mkl =
      cpu_vendor() != CpuVendor::intel && cpu_kernel_level() >= KernelLevel::avx512;
  const bool has_onednn = type == at::kFloat || type == at::kBFloat16;
  return slow_mkl && has_onednn ? GemmBackend::onednn : GemmBackend::aten;
}

bool has_gemm_backend(GemmBackend backend) {
  return backend != GemmBackend::native || native_gemm::available();
}

void set_gemm_backend(std::optional<GemmBackend> backend, at::ScalarType type) {
  overruled(type) = backend ? 1 + static_cast<int>(*backend) : 0;
}

void set_gemm_backend(std::optional<GemmBackend> backend) {
  for (std::atomic<int>& one : g_overruled) one = backend ? 1 + static_cast<int>(*backend) : 0;
}

GemmBackend gemm_backend(at::ScalarType type) {
  const int number = overruled(type);
  if (number == 0) return default_gemm_backend(type);
  const auto backend = static_cast<GemmBackend>(number - 1);
  const bool refuses = backend == GemmBackend::native && type != at::kBFloat16;
  return refuses ? default_gemm_backend(type) : backend;
}

at::Tensor ops::linear_forward(const at::Tensor& rows, const at::Tensor& weight,
                               const std::optional<at::Tensor>& bias) {
  count(GemmShape::Kind::forward, rows.size(0), rows.size(1), weight.size(0), rows.scalar_type());
  if (native_takes(rows, weight, rows.size(1))) return native_gemm::forward(rows, weight, bias);
  return gemm(rows, weight, bias);
}

at::Tensor ops::input_gradient(const at::Tensor& grad, const at::Tensor& weight) {
  count(GemmShape::Kind::input_gradient, grad.size(0), weight.size(1), weight.size(0),
        grad.scalar_type());
  if (native_takes(grad, weight, grad.size(1))) return native_gemm::input_gradient(grad, weight);
  return gemm(grad, weight.t());
}

at::Tensor ops::weight_gradient(const at::Tensor& grad, const at::Tensor& rows,
                                at::ScalarType type) {
  count(GemmShape::Kind::weight_gradient, grad.size(0), rows.size(1), grad.size(1),
        grad.scalar_type());
  constexpr std::int64_t kAnyDepth = 0;
  if (native_takes(grad, rows, kAnyDepth)) {
    return native_gemm::weight_gradient(grad, rows).to(type);
  }
  if (mkl_gemm::available() && native_gemm::takes(grad, rows, kAnyDepth)) {
    return mkl_gemm::weight_gradient(grad, rows).to(type);
  }
  // The other libraries would round sums of bfloat16 factors to that.
  const bool widen = grad.device().is_cpu() && grad.scalar_type() == at::kBFloat16;
  const at::ScalarType factors = widen ? at::kFloat : grad.scalar_type();
  return library_weight_gradient(grad.to(factors), rows.to(factors)).to(type);
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
