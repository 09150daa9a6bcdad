#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// The fixed 2-D sin-cos position table of MAE: [L, dim] float32, or [1 + L, dim] with a first row
/// of zeros for a class token. The first half of the channels encodes the column, the second half
/// the row; each half is sin, then cos, of position / 10000^(i / (dim/4)). Computed in double
/// precision, then rounded. Throws c10::Error unless dim is a multiple of 4.
at::Tensor sincos_position_table(std::int64_t dim, Size grid, bool class_token);

/// What a model starts from, [1, L, dim] or [1, 1 + L, dim]: that table, or zeros for a model
/// without positions.
at::Tensor position_parameter(std::int64_t dim, Size grid, bool class_token, bool use_positions);

}  // namespace convmae
