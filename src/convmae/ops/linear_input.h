#pragma once

#include "convmae/ops/layer_norm_passes.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace convmae::ops {

/// What goes into the first GEMM of a function: its rows [M, C] as they are, or what a LayerNorm
/// makes of them. On the CPU the norm's result is not kept for the backward pass: the norm's
/// gradient reads the rows anyway, and writes it once more on the way.
class LinearInput {
 public:
  /// Forward. The norm is there if its weight and bias are.
  LinearInput(const at::Tensor& rows, const std::optional<at::Tensor>& norm_weight,
              const std::optional<at::Tensor>& norm_bias, double eps);
  /// What save_to() added.
  explicit LinearInput(std::span<const at::Tensor> saved);

  /// Adds what the backward pass needs.
  void save_to(std::vector<at::Tensor>& tensors) const;

  /// The operand of the GEMM; in the backward pass, with a norm, only after backward().
  const at::Tensor& operand() const {
    if (kept_.defined()) return kept_;
    return norm_ ? norm_->result() : rows_;
  }

  /// Whether the backward pass must have the gradient of the operand, for whatever gradient.
  bool has_norm() const { return norm_.has_value(); }
  /// The gradients of rows, norm weight and norm bias for that of the operand.
  NormPass::Gradients backward(const at::Tensor& grad);

 private:
  at::Tensor rows_;
  std::optional<NormPass> norm_;
  at::Tensor kept_;  ///< the norm's result, in a backward pass that need not make it again
};

/// Where no gradient is needed: `compute` of `rows` [M, C], or of their norm, some rows at a time:
/// [M, out]. What lies between the GEMMs is small then, and still in the cache. A device other than
/// the CPU takes them all at once, for which it has to be told less often.
at::Tensor by_chunks(const at::Tensor& rows, std::int64_t out, const std::optional<Norm>& norm,
                     const std::function<at::Tensor(const at::Tensor&)>& compute);

// A norm's parameters as the arguments of an autograd function.
inline std::optional<at::Tensor> weight_of(const std::optional<Norm>& norm) {
  return norm ? std::optional(norm->weight) : std::nullopt;
}
inline std::optional<at::Tensor> bias_of(const std::optional<Norm>& norm) {
  return norm ? std::optional(norm->bias) : std::nullopt;
}

}  // namespace convmae::ops
