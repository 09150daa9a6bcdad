#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace convmae {

/// The type of activations and GEMMs that --precision names: fp32 or bf16; auto is fp32 on a CPU
/// and bf16 elsewhere; fast is bf16 but on a CPU that has no bfloat16 arithmetic. Throws
/// UserError for another name, and for bf16 on such a CPU.
c10::ScalarType parse_precision(const std::string& name, c10::Device device);

/// The name of one of those two types.
std::string precision_name(c10::ScalarType type);

}  // namespace convmae
