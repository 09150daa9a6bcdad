#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// A table of absolute positions for another grid, by bicubic interpolation (a = -0.75, pixel
/// centres aligned; MAE's and ViTDet's way): table [1, leading + from, D] -> [1, leading + to, D].
/// The first `leading` rows, those of class tokens, stay as they are. Where the grids are equal the
/// table itself is the result.
at::Tensor resize_positions(const at::Tensor& table, Size from, Size to, std::int64_t leading);

/// A table of relative positions for another grid, by bilinear interpolation (pixel centres
/// aligned): table [(2h-1)(2w-1), heads] of the grid `from` -> the same of `to`. Where the grids
/// are equal the table itself is the result.
at::Tensor resize_relative_positions(const at::Tensor& table, Size from, Size to);

/// The rows of a table of relative positions along one axis for every pair of a query and a key
/// (ViTDet, arXiv 2203.16527): table [R, C] -> [queries, keys, C]. A table that does not have the
/// 2 * max(queries, keys) - 1 rows that are needed is interpolated linearly; the shorter side's
/// steps are stretched to the longer one's.
at::Tensor relative_positions(const at::Tensor& table, std::int64_t queries, std::int64_t keys);

}  // namespace convmae
