#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

namespace convmae::ops {

constexpr std::int64_t kKeepAll = std::numeric_limits<std::int64_t>::max();

/// Non-maximum suppression: in descending order of score, equal scores in the order of the input, a
/// box is kept unless its intersection over union with a kept one is greater than the threshold.
///
///   boxes   [N, 4]  x1, y1, x2, y2
///   scores  [N]
///
/// Returns [K] int64, the numbers of the kept boxes by descending score, the first `max_kept` of
/// them. float32 or float64, computed in that type, and float32 for other types. Throws c10::Error
/// on other shapes. Takes time in proportion to N * K, on the CPU: boxes of another device are
/// waited for. Without gradient. On the meta device, which knows no scores, all are kept.
/// Registered as convmae::nms.
at::Tensor nms(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold,
               std::int64_t max_kept = kKeepAll);

/// Suppression inside groups alone: `groups` [N] int64, such as classes or levels of a pyramid.
/// As torchvision does it on a CPU, in float32: with up to kMostShifted boxes every group is
/// shifted by its number times one more than the largest coordinate, and one suppression of all
/// follows. So rounding is that of shifted coordinates, and groups of boxes whose coordinates are
/// all negative suppress each other. Registered as convmae::batched_nms.
at::Tensor batched_nms(const at::Tensor& boxes, const at::Tensor& scores, const at::Tensor& groups,
                       double iou_threshold, std::int64_t max_kept = kKeepAll);

/// torchvision's limit on a CPU (4,000 numbers; on CUDA it is 100,000).
constexpr std::int64_t kMostShifted = 1000;

}  // namespace convmae::ops
