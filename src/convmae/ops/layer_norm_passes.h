#pragma once

#include "convmae/ops/layer_norm.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <tuple>
#include <vector>

namespace convmae::ops {

/// Throws c10::Error unless the norm fits x [..., C].
void check_norm(const at::Tensor& x, const Norm& norm);

/// The two passes of a LayerNorm, for functions that contain one. Not differentiable. They are
/// convmae::layer_norm_rows and layer_norm_rows_backward, which each device has its own of.
class NormPass {
 public:
  /// Forward: x [..., C] -> result().
  NormPass(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps);
  /// What saved() gave, for the backward pass.
  explicit NormPass(std::span<const at::Tensor> saved);

  /// What the backward pass needs, the result not among it.
  std::vector<at::Tensor> saved() const { return {x_, weight_, bias_, mean_, inverse_deviation_}; }
  static constexpr std::size_t kSaved = 5;

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
  at::Tensor x_;
  at::Tensor weight_;
  at::Tensor bias_;
  at::Tensor mean_;               ///< in the accumulation type, one a row
  at::Tensor inverse_deviation_;  ///< likewise
  at::Tensor result_;
};

/// Whether what a backward pass could compute again is kept for it. On a CPU that costs less than
/// reading it back would; a GPU goes through its memory for either.
inline bool keeps_results(const at::Tensor& x) { return !x.is_cpu(); }

/// Result, mean and inverse deviation of x, which is contiguous.
using NormResult = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
/// Those of x, weight and bias, and the result once more if asked for.
using NormGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

// By the library, for what there is no kernel of ours for.
NormResult library_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        double eps);
NormGradients library_norm_backward(const at::Tensor& grad, const at::Tensor& x,
                                    const at::Tensor& weight, const at::Tensor& bias,
                                    const at::Tensor& mean, const at::Tensor& inverse_deviation,
                                    bool again);

}  // namespace convmae::ops
