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

// In bfloat16 our kernels come nearer to what the CPU can do than oneDNN's (docs/performance.md),
// except for AMX, which they do not use.
GemmBackend default_gemm_backend(c10::ScalarType type) {
  const bool bf16 = type == c10::kBFloat16;
  if (bf16 && cpu_has_fast_bf16()) return GemmBackend::native;
  const bool has_onednn = type == c10::kFloat || bf16;
  return has_onednn && cpu_prefers_onednn(bf16) ? GemmBackend::onednn : GemmBackend::aten;
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
