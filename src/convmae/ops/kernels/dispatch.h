#pragma once

#include "convmae/ops/kernels/element.h"

#include <ATen/core/Tensor.h>

#include <cstddef>

namespace convmae::ops {

/// Whether x is of a type that kernels of Element are there for.
bool has_element(const at::Tensor& x);
/// Whether x is for the CPU's kernels: of their device and types, and they are to compute
/// (kernel_choice.h).
bool has_kernel(const at::Tensor& x);
/// For x of these types. Throws c10::Error for others.
Element element_of(const at::Tensor& x);
/// The memory of x as kernels take it, for offsets in bytes.
const std::byte* bytes_of(const at::Tensor& x);
std::byte* mutable_bytes_of(const at::Tensor& x);
/// What sums over numbers of x are kept in: double for float64, else float32.
at::ScalarType accumulation_type(const at::Tensor& x);

}  // namespace convmae::ops
