#include "convmae/ops/product_input.h"

namespace convmae::ops {

ProductInput::ProductInput(const at::Tensor& rows, const std::optional<at::Tensor>& norm_weight,
                           const std::optional<at::Tensor>& norm_bias, double eps)
    : rows_(rows) {
  if (norm_weight) norm_.emplace(rows, *norm_weight, norm_bias.value(), eps);
}

ProductInput::ProductInput(const std::vector<at::Tensor>& saved) : rows_(saved.front()) {
  if (saved.size() > 1) norm_.emplace(saved, 0);
}

std::vector<at::Tensor> ProductInput::saved() const {
  return norm_ ? norm_->saved() : std::vector<at::Tensor>{rows_};
}

NormPass::Gradients ProductInput::backward(const at::Tensor& grad) {
  if (!norm_) return {grad, {}, {}};
  return norm_->backward(grad, NormPass::Again::yes);
}

}  // namespace convmae::ops
