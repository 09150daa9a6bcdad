#pragma once

#include "convmae/ops/roi_align.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

/// What the devices' ways to compute roi_align.h have in common. Not differentiable.
namespace convmae::ops::roi {

// Shapes and types. Throw c10::Error.
void check_forward(const at::Tensor& map, const at::Tensor& boxes, const at::Tensor& images,
                   const RoiGrid& grid);
void check_backward(const at::Tensor& grad, const at::Tensor& boxes, const at::Tensor& images,
                    at::IntArrayRef map, const RoiGrid& grid);

/// Channels last and contiguous, in the type that is computed in.
at::Tensor channels_last(const at::Tensor& map);
/// And back, as a view in the type asked for.
at::Tensor channels_first(const at::Tensor& map, at::ScalarType type);

/// By an operator of the library, for any device: what a cell reads is found on the host, which
/// waits for the boxes; then each cell is a weighted sum of pixels and, in the backward pass, each
/// pixel one of cells, in the order of the boxes: the same bits every time.
at::Tensor reference_forward(const at::Tensor& map, const at::Tensor& boxes,
                             const at::Tensor& images, double scale, std::int64_t height,
                             std::int64_t width, std::int64_t sampling_ratio, bool aligned);
at::Tensor reference_backward(const at::Tensor& grad, const at::Tensor& boxes,
                              const at::Tensor& images, at::IntArrayRef map, double scale,
                              std::int64_t height, std::int64_t width, std::int64_t sampling_ratio,
                              bool aligned);

}  // namespace convmae::ops::roi
