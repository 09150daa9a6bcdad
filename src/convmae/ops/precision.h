#pragma once

#include <c10/core/ScalarType.h>

#include <string>

namespace convmae {

/// The type of activations and GEMMs that --precision names: fp32 or bf16. Throws UserError for
/// another name, and for bf16 where the CPU has no bfloat16 arithmetic.
c10::ScalarType parse_precision(const std::string& name);

}  // namespace convmae
