#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae::ops {

/// How roi_align lays a grid of cells over each box.
struct RoiGrid {
  double scale = 1;         ///< pixels of the map for one of the boxes' coordinates
  std::int64_t height = 7;  ///< cells
  std::int64_t width = 7;
  /// Samples along each side of a cell; 0: as many as the cell has pixels, rounded up.
  std::int64_t sampling_ratio = 0;
  /// Whether pixel centres are at +0.5. Without, as in the first publication, they are at 0 and
  /// boxes are at least one pixel large.
  bool aligned = true;
};

/// The mean over samples in every cell of a grid on each box, read bilinearly (He et al., Mask
/// R-CNN, arXiv 1703.06870, section 3; numbers as torchvision's).
///
///   map     [N, C, H, W]  fastest where channels lie last in memory
///   boxes   [R, 4]        x1, y1, x2, y2 in the coordinates that `scale` takes to the map. They
///                         may lie outside, where samples are 0 from one pixel beyond the edge on,
///                         be empty or inverted: a cell without samples is 0
///   images  [R] int64     which of the N maps each box lies on
///
/// Returns [R, C, height, width], channels last in memory, in the map's type: float32, float64 or
/// bfloat16, which is computed in float32. R, N and C may be 0. Throws c10::Error on other shapes
/// and types, and for boxes that are not finite or more than a million pixels of the map away.
/// Differentiable once, in the map alone. The number of threads changes no bit. Registered as
/// convmae::roi_align.
at::Tensor roi_align(const at::Tensor& map, const at::Tensor& boxes, const at::Tensor& images,
                     const RoiGrid& grid);
/// The same for an aligned grid of output_size x output_size cells.
at::Tensor roi_align(const at::Tensor& map, const at::Tensor& boxes, const at::Tensor& images,
                     double scale, std::int64_t output_size, std::int64_t sampling_ratio);

}  // namespace convmae::ops
