#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace convmae::ops {

/// Depthwise convolution of the visible blocks, the only operation of ConvMAE that mixes positions.
/// Equals a zero-padded depthwise convolution (stride 1, padding k/2) of the dense map in which
/// every removed block is zero, read at the visible blocks (arXiv 2205.03892, section 3.2).
///
///   x         [B, V, P, C]  V visible blocks in ascending order, P = s*s cells of a block in
///                           nested raster order (see Geometry::nesting), channels last
///   weight    [C, 1, k, k]  k odd, 1 to 15
///   bias      [C] or none
///   kept      [B, V] int64  block numbers, ascending in every row
///   slot      [B, h, w] int64  row of a block in `kept`, -1 where the block is removed
///   nesting   sides of the nested rasters, outermost first; their product is s
///
/// Returns [B, V, P, C]. float32, float64 and bfloat16, which is accumulated in float32 and takes
/// weight and bias in either; gradients have the types of their inputs. B, V and C may be 0. Throws
/// c10::Error on other shapes and types. Differentiable once in x, weight and bias. Registered as
/// convmae::masked_depthwise_conv2d.
at::Tensor masked_depthwise_conv2d(const at::Tensor& x, const at::Tensor& weight,
                                   const std::optional<at::Tensor>& bias, const at::Tensor& kept,
                                   const at::Tensor& slot, at::IntArrayRef nesting);

}  // namespace convmae::ops
