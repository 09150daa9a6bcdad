#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <tuple>

/// What the devices' ways to compute masked_depthwise_conv2d.h have in common. Not differentiable.
namespace convmae::ops::depthwise {

/// Of x, weight and bias, those that are needed.
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

/// Shapes, types and devices, but not the numbers in `kept` and `slot`. Throws c10::Error.
void check_forward(const at::Tensor& x, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias, const at::Tensor& kept,
                   const at::Tensor& slot, at::IntArrayRef nesting);
void check_backward(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& kept, const at::Tensor& slot, at::IntArrayRef nesting);

/// [C, 1, k, k] -> [k*k, C] in the accumulation type.
at::Tensor taps_of(const at::Tensor& weight, at::ScalarType type);
/// The same for the gradient of x, which is a convolution with the taps in reverse order.
at::Tensor turned_taps_of(const at::Tensor& weight, at::ScalarType type);

/// Those of weight and bias from sums [parts, k*k + 1, C] of taps and bias, added up in the order
/// of the parts: the same bits however they were computed.
Gradients gradients_of_sums(at::Tensor grad_x, const at::Tensor& sums, const at::Tensor& weight,
                            std::array<bool, 3> needed);

/// The definition, by operators of the library, for any device: the convolution of the dense map in
/// which removed blocks are zero. For comparisons, and where there is no kernel.
at::Tensor reference_forward(const at::Tensor& x, const at::Tensor& weight,
                             const std::optional<at::Tensor>& bias, const at::Tensor& kept,
                             const at::Tensor& slot, at::IntArrayRef nesting);
Gradients reference_backward(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& kept, const at::Tensor& slot,
                             at::IntArrayRef nesting, std::array<bool, 3> needed);

}  // namespace convmae::ops::depthwise
