#pragma once

#include "convmae/ops/layer_norm.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace convmae::ops {

/// Throws c10::Error unless the norm fits x [..., C].
void check_norm(const at::Tensor& x, const Norm& norm);

/// The two passes of a LayerNorm, for functions that contain one. Not differentiable.
class NormPass {
 public:
  /// Forward: x [..., C] -> result().
  NormPass(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps);
  /// What saved() gave, for the backward pass.
  explicit NormPass(std::span<const at::Tensor> saved);

  /// What the backward pass needs, the result not among it.
  std::vector<at::Tensor> saved() const { return {x_, weight_, bias_, mean_, inverse_deviation_}; }

  struct Gradients {
    at::Tensor x;
    at::Tensor weight;
    at::Tensor bias;
  };
  enum class Again { no, yes };
  /// The gradients for that of the result, and, if asked for, result() once more.
  Gradients backward(const at::Tensor& grad, Again again);

  const at::Tensor& result() const { return result_; }

 private:
  Gradients backward_with_kernel(const at::Tensor& grad, Again again);

  at::Tensor x_;
  at::Tensor weight_;
  at::Tensor bias_;
  at::Tensor mean_;               ///< in the accumulation type, one a row
  at::Tensor inverse_deviation_;  ///< likewise
  at::Tensor result_;
};

}  // namespace convmae::ops
