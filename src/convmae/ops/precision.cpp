#include "convmae/ops/precision.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/ops/cpu_features.h"

namespace convmae {

c10::ScalarType parse_precision(const std::string& name) {
  if (name == "fp32") return c10::kFloat;
  if (name != "bf16") throw UserError("--precision must be fp32 or bf16, found " + quote(name));
  if (!cpu_has_bf16()) {
    throw UserError(
        "--precision bf16 needs a CPU with avx512_bf16 or amx_bf16, where it is fast; this one has "
        "neither: use --precision fp32");
  }
  return c10::kBFloat16;
}

}  // namespace convmae
