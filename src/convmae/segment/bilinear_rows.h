#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

/// Bilinear resizing of a map row by row, as `upsample_bilinear2d` with `align_corners` false does
/// it for the whole: what it makes of a map for each class is too large to be kept at once.
namespace convmae {

/// What the rows [first, first + rows) of a resized map are made of.
struct RowWeights {
  std::int64_t first_source = 0;
  at::Tensor weights;  ///< [rows, S] float64: of the S rows from there on
};

/// Of a map `from` rows high that becomes `to` rows high. `rows` is at least 1.
RowWeights row_weights(std::int64_t from, std::int64_t to, std::int64_t first, std::int64_t rows);

/// The source rows [K, S, w] of those weights -> [K, rows, width].
at::Tensor resized_rows(const at::Tensor& source, const RowWeights& weights, std::int64_t width);

/// The gradient [K, rows, width] of that result -> that of the source rows [K, S, w].
at::Tensor resized_rows_backward(const at::Tensor& grad, const RowWeights& weights, std::int64_t w);

/// How many rows make a strip: as many as keep the numbers of a strip, `per_row` a row, within what
/// is cheap to hold, at least one.
std::int64_t strip_rows(std::int64_t per_row);

}  // namespace convmae
