#pragma once

#include <ATen/core/Tensor.h>

namespace convmae::ops {

/// The sums over the rows of x [rows, columns], without gradient: [columns], float64 for float64,
/// else float32. The number of threads changes no bit.
at::Tensor column_sums(const at::Tensor& x);

}  // namespace convmae::ops
