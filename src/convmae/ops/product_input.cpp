#include "convmae/ops/product_input.h"

#include <ATen/ops/empty.h>

#include <algorithm>

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

at::Tensor by_chunks(const at::Tensor& rows, std::int64_t out, const std::optional<Norm>& norm,
                     const std::function<at::Tensor(const at::Tensor&)>& compute) {
  // Enough for products to reach their best rate.
  constexpr std::int64_t kRows = 4096;
  at::Tensor result = at::empty({rows.size(0), out}, rows.options());
  for (std::int64_t first = 0; first < rows.size(0); first += kRows) {
    const std::int64_t count = std::min(kRows, rows.size(0) - first);
    const at::Tensor chunk = rows.narrow(0, first, count);
    result.narrow(0, first, count)
        .copy_(
            compute(norm ? NormPass(chunk, norm->weight, norm->bias, norm->eps).result() : chunk));
  }
  return result;
}

}  // namespace convmae::ops
