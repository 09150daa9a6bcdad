#include "convmae/ops/gemm_policy.h"

#include "convmae/base/error.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/ops/native_gemm.h"

namespace convmae {
namespace {

constexpr auto kTypes = static_cast<std::int64_t>(c10::ScalarType::NumOptions);

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
GemmBackend default_gemm_backend(c10::ScalarType type) {
  if (type == c10::kBFloat16 && cpu_has_bf16()) {
    return cpu_has_fast_bf16() ? GemmBackend::native : GemmBackend::onednn;
  }
  const bool slow_mkl =
      cpu_vendor() != CpuVendor::intel && cpu_kernel_level() >= KernelLevel::avx512;
  const bool has_onednn = type == c10::kFloat || type == c10::kBFloat16;
  return slow_mkl && has_onednn ? GemmBackend::onednn : GemmBackend::aten;
}

bool has_gemm_backend(GemmBackend backend) {
  return backend != GemmBackend::native || native_gemm::available();
}

GemmBackend GemmPolicy::backend(c10::ScalarType type) const {
  if (!backend_ || type_.value_or(type) != type) return default_gemm_backend(type);
  const bool refuses = *backend_ == GemmBackend::native && type != c10::kBFloat16;
  return refuses ? default_gemm_backend(type) : *backend_;
}

std::int64_t GemmPolicy::number() const {
  if (!backend_) return 0;
  const std::int64_t type = type_ ? static_cast<std::int64_t>(*type_) : kTypes;
  return 1 + type + static_cast<std::int64_t>(*backend_) * (kTypes + 1);
}

GemmPolicy GemmPolicy::of_number(std::int64_t number) {
  if (number == 0) return {};
  const auto backend = static_cast<GemmBackend>((number - 1) / (kTypes + 1));
  const std::int64_t type = (number - 1) % (kTypes + 1);
  if (type == kTypes) return GemmPolicy(backend);
  return GemmPolicy(backend, static_cast<c10::ScalarType>(type));
}

}  // namespace convmae
