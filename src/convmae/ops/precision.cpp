#include "convmae/ops/precision.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/ops/cpu_features.h"

namespace convmae {

c10::ScalarType parse_precision(const std::string& name, c10::Device device) {
  const bool has_bf16 = !device.is_cpu() || cpu_has_bf16();
  if (name == "fp32") return c10::kFloat;
  if (name == "auto") return device.is_cpu() ? c10::kFloat : c10::kBFloat16;
  if (name == "fast") return has_bf16 ? c10::kBFloat16 : c10::kFloat;
  if (name != "bf16") {
    throw UserError("--precision must be auto, fp32, bf16 or fast, found " + quote(name));
  }
  if (!has_bf16) {
    throw UserError(
        "--precision bf16 needs a CPU with avx512_bf16 or amx_bf16, where it is fast; this one has "
        "neither: use --precision fast or fp32");
  }
  return c10::kBFloat16;
}

std::string precision_name(c10::ScalarType type) {
  return type == c10::kBFloat16 ? "bf16" : "fp32";
}

}  // namespace convmae
