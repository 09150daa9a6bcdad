#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/masked_depthwise_conv2d_passes.h"

#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/accumulate.h>
#include <torch/library.h>

#include <vector>

namespace convmae::ops::depthwise {
namespace {

using at::Tensor;

/// The visible blocks [B, V, P, C] in their places of a map [B, C, h*s, w*s], and back.
class DenseMap {
 public:
  DenseMap(const Tensor& x, const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting)
      : index_(kept.unsqueeze(2).unsqueeze(3).expand(x.sizes())),
        all_{x.size(0), slot.size(1) * slot.size(2), x.size(2), x.size(3)},
        nested_{x.size(0), slot.size(1), slot.size(2)} {
    const int64_t side = c10::multiply_integers(nesting);
    map_ = {x.size(0), x.size(3), slot.size(1) * side, slot.size(2) * side};
    // B h w (y x)... C -> B C h y... w x...
    const auto levels = static_cast<int64_t>(nesting.size());
    order_ = {0, 3 + 2 * levels};
    for (const int64_t axis : {0, 1}) {
      order_.push_back(1 + axis);
      for (int64_t level = 0; level < levels; ++level) order_.push_back(3 + 2 * level + axis);
    }
    for (const int64_t side_of_level : nesting) nested_.insert(nested_.end(), 2, side_of_level);
    nested_.push_back(x.size(3));
  }

  Tensor scatter(const Tensor& x) const {
    const Tensor all = at::zeros(all_, x.options()).scatter(1, index_, x);
    return all.view(nested_).permute(order_).reshape(map_);
  }
  Tensor gather(const Tensor& map) const {
    std::vector<int64_t> shape;
    std::vector<int64_t> back(order_.size());
    shape.reserve(order_.size());
    for (size_t i = 0; i < order_.size(); ++i) {
      shape.push_back(nested_[static_cast<size_t>(order_[i])]);
      back[static_cast<size_t>(order_[i])] = static_cast<int64_t>(i);
    }
    return map.reshape(shape).permute(back).reshape(all_).gather(1, index_);
  }

 private:
  Tensor index_;
  std::vector<int64_t> all_;     ///< [B, h*w, P, C]
  std::vector<int64_t> nested_;  ///< the same, with a dimension for each side of the nesting
  std::vector<int64_t> map_;
  std::vector<int64_t> order_;  ///< of the nested dimensions in a map
};

constexpr std::array<int64_t, 2> kOnes{1, 1};
constexpr std::array<int64_t, 2> kZeros{0, 0};

std::array<int64_t, 2> padding_of(const Tensor& weight) {
  return {weight.size(2) / 2, weight.size(3) / 2};
}

}  // namespace

Tensor reference_forward(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                         const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  check_forward(x, weight, bias, kept, slot, nesting);
  if (x.numel() == 0) return at::empty_like(x);
  const at::ScalarType type = accumulation_type(x);
  const DenseMap dense(x, kept, slot, nesting);
  const Tensor out =
      at::convolution(dense.scatter(x.to(type)), weight.to(type),
                      bias ? std::optional(bias->to(type)) : std::nullopt, kOnes,
                      padding_of(weight), kOnes, /*transposed=*/false, kZeros, x.size(3));
  return dense.gather(out).to(x.scalar_type());
}

Gradients reference_backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                             const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting,
                             std::array<bool, 3> needed) {
  check_backward(grad, x, weight, kept, slot, nesting);
  const auto zeros = [](const Tensor& like, bool wanted) {
    return wanted ? at::zeros_like(like) : Tensor();
  };
  if (x.numel() == 0) {
    return {zeros(x, needed[0]), zeros(weight, needed[1]),
            zeros(weight.flatten().narrow(0, 0, x.size(3)), needed[2])};
  }
  const at::ScalarType type = accumulation_type(x);
  const DenseMap dense(x, kept, slot, nesting);
  const std::array<int64_t, 1> bias_sizes{x.size(3)};
  auto [grad_map, grad_weight, grad_bias] = at::convolution_backward(
      dense.scatter(grad.to(type)), dense.scatter(x.to(type)), weight.to(type), bias_sizes, kOnes,
      padding_of(weight), kOnes, /*transposed=*/false, kZeros, x.size(3), needed);
  const at::ScalarType parameters = weight.scalar_type();
  return {needed[0] ? dense.gather(grad_map).to(x.scalar_type()) : Tensor(),
          needed[1] ? grad_weight.to(parameters) : Tensor(),
          needed[2] ? grad_bias.to(parameters) : Tensor()};
}

// For every device that has nothing better.
TORCH_LIBRARY_IMPL(convmae, CompositeExplicitAutograd, library) {
  library.impl("masked_depthwise_conv2d", reference_forward);
  library.impl("masked_depthwise_conv2d_backward", reference_backward);
}

}  // namespace convmae::ops::depthwise
