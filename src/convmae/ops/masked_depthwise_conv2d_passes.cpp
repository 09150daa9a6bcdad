#include "convmae/ops/masked_depthwise_conv2d_passes.h"

#include "convmae/ops/kernels/depthwise.h"
#include "convmae/ops/kernels/dispatch.h"

#include <c10/util/accumulate.h>

#include <utility>

namespace convmae::ops::depthwise {

using at::Tensor;

void check_forward(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                   const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  TORCH_CHECK(has_element(x),
              "masked_depthwise_conv2d: float32, float64 or bfloat16 expected, found ",
              x.scalar_type());
  TORCH_CHECK(x.dim() == 4, "masked_depthwise_conv2d: x must be [B, V, P, C], found ", x.sizes());
  const int64_t side = c10::multiply_integers(nesting);
  TORCH_CHECK(side > 0 && x.size(2) == side * side, "masked_depthwise_conv2d: the nesting ",
              nesting, " means ", side * side, " cells a block, found x ", x.sizes());
  TORCH_CHECK(weight.dim() == 4 && weight.size(0) == x.size(3) && weight.size(1) == 1 &&
                  weight.size(2) == weight.size(3) && weight.size(2) % 2 == 1 &&
                  weight.size(2) <= depthwise_kernel::kMaxKernel,
              "masked_depthwise_conv2d: weight must be [", x.size(3),
              ", 1, k, k] with an odd k of at most ", depthwise_kernel::kMaxKernel, ", found ",
              weight.sizes());
  TORCH_CHECK(weight.scalar_type() == x.scalar_type() ||
                  (x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kFloat),
              "masked_depthwise_conv2d: x is ", x.scalar_type(), " but weight is ",
              weight.scalar_type());
  if (bias) {
    TORCH_CHECK(bias->dim() == 1 && bias->size(0) == x.size(3) &&
                    bias->scalar_type() == weight.scalar_type(),
                "masked_depthwise_conv2d: bias must be [", x.size(3), "] of type ",
                weight.scalar_type(), ", found ", bias->sizes(), " of type ", bias->scalar_type());
  }
  TORCH_CHECK(kept.dim() == 2 && kept.size(0) == x.size(0) && kept.size(1) == x.size(1) &&
                  kept.scalar_type() == at::kLong,
              "masked_depthwise_conv2d: kept must be [", x.size(0), ", ", x.size(1),
              "] int64, found ", kept.sizes(), " ", kept.scalar_type());
  TORCH_CHECK(slot.dim() == 3 && slot.size(0) == x.size(0) && slot.scalar_type() == at::kLong,
              "masked_depthwise_conv2d: slot must be [", x.size(0), ", h, w] int64, found ",
              slot.sizes(), " ", slot.scalar_type());
  TORCH_CHECK(weight.device() == x.device() && kept.device() == x.device() &&
                  slot.device() == x.device() && (!bias || bias->device() == x.device()),
              "masked_depthwise_conv2d: all must be on the device of x, ", x.device());
}

void check_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& kept,
                    const Tensor& slot, at::IntArrayRef nesting) {
  check_forward(x, weight, std::nullopt, kept, slot, nesting);
  TORCH_CHECK(grad.sizes() == x.sizes() && grad.scalar_type() == x.scalar_type() &&
                  grad.device() == x.device(),
              "masked_depthwise_conv2d_backward: grad ", grad.sizes(), " does not match x ",
              x.sizes());
}

Tensor taps_of(const Tensor& weight, at::ScalarType type) {
  return weight.reshape({weight.size(0), weight.size(2) * weight.size(3)})
      .t()
      .to(type)
      .contiguous();
}

Tensor turned_taps_of(const Tensor& weight, at::ScalarType type) {
  return taps_of(weight.flip({2, 3}), type);
}

Gradients gradients_of_sums(Tensor grad_x, const Tensor& sums, const Tensor& weight,
                            std::array<bool, 3> needed) {
  const int64_t taps = weight.size(2) * weight.size(3);
  const Tensor total = sums.sum(0);
  Tensor grad_weight;
  Tensor grad_bias;
  if (needed[1]) {
    grad_weight = total.narrow(0, 0, taps).t().reshape(weight.sizes()).to(weight.scalar_type());
  }
  if (needed[2]) grad_bias = total.select(0, taps).to(weight.scalar_type());
  return {std::move(grad_x), std::move(grad_weight), std::move(grad_bias)};
}

}  // namespace convmae::ops::depthwise
