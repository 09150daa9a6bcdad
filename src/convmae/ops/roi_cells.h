#pragma once

#include "convmae/ops/roi_align.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

/// Which pixels the cells of roi_align read, and what each counts. A cell is the product of an
/// interval of rows and one of columns, and so are its samples, the weights of their pixels and
/// whether they lie outside: each axis has a table of its own.
namespace convmae::ops {

/// Of every cell of every box along one axis, the pixels that it reads.
template <typename T>
struct RoiAxis {
  std::vector<std::int64_t> begin{0};  ///< [boxes * cells + 1], into the other two
  std::vector<std::int64_t> pixel;
  std::vector<T> weight;
};

template <typename T>
struct RoiCells {
  at::Tensor images;  ///< [R] int64, contiguous
  RoiAxis<T> rows;
  RoiAxis<T> columns;
};

/// For boxes [R, 4] in host memory on maps of the size `map` {N, C, H, W}. T is float or double.
/// Throws c10::Error for boxes that are not finite, too far away or on an image that there is none
/// of.
template <typename T>
RoiCells<T> roi_cells(at::IntArrayRef map, const at::Tensor& boxes, const at::Tensor& images,
                      const RoiGrid& grid);

/// For every row of pixels of all images the lines of cells that read it, in the order of the
/// boxes.
template <typename T>
struct RoiReaders {
  std::vector<std::int64_t> begin;  ///< [N * H + 1], into the other two
  std::vector<std::int64_t> line;   ///< box * grid.height + line
  std::vector<T> weight;
};

template <typename T>
RoiReaders<T> readers_of_rows(const RoiCells<T>& cells, const RoiGrid& grid, std::int64_t images,
                              std::int64_t height);

}  // namespace convmae::ops
