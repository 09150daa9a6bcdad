#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cmath>

/// Arithmetic on boxes [N, 4]: x1, y1, x2, y2 in pixels, where pixel centres are at +0.5. In
/// detectron2's order of operations, since comparisons hang on the last bit.
namespace convmae {

/// [N]; of an inverted box whatever the product says.
at::Tensor box_area(const at::Tensor& boxes);

/// Boxes cut off at the edges of an image.
at::Tensor clip_boxes(const at::Tensor& boxes, Size image);

/// [N] bool: whether both sides are longer than `threshold`.
at::Tensor nonempty_boxes(const at::Tensor& boxes, double threshold = 0);

/// Intersection over union of every a with every b, 0 where they do not meet: [N, 4], [M, 4] ->
/// [N, M]. Without gradient.
at::Tensor pairwise_iou(const at::Tensor& a, const at::Tensor& b);

/// Boxes as differences from other boxes: of the centre, in sides of the other, and of the
/// logarithm of the sides (Girshick et al., R-CNN, arXiv 1311.2524, appendix C).
struct BoxTransform {
  /// What dx, dy, dw and dh are multiplied with.
  std::array<double, 4> weights{1, 1, 1, 1};
  /// The largest dw and dh that are taken as they are when decoding: sides grow 62.5 fold.
  double scale_clamp = std::log(1000.0 / 16);

  /// source [N, 4], target [N, 4] -> differences [N, 4]. Both are to have an area.
  at::Tensor encode(const at::Tensor& source, const at::Tensor& target) const;
  /// deltas [N, 4 K], boxes [N, 4] -> [N, 4 K]: K boxes from each. float32, or float64 as deltas.
  at::Tensor decode(const at::Tensor& deltas, const at::Tensor& boxes) const;
};

}  // namespace convmae
