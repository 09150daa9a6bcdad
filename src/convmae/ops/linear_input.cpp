#include "convmae/ops/linear_input.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace convmae::ops {

LinearInput::LinearInput(const at::Tensor& rows, const std::optional<at::Tensor>& norm_weight,
                         const std::optional<at::Tensor>& norm_bias, double eps)
    : rows_(rows) {
  if (norm_weight) norm_.emplace(rows, *norm_weight, norm_bias.value(), eps);
}

LinearInput::LinearInput(std::span<const at::Tensor> saved) : rows_(saved.front()) {
  if (saved.size() > 1) norm_.emplace(saved.first(NormPass::kSaved));
  if (saved.size() > NormPass::kSaved) kept_ = saved[NormPass::kSaved];
}

void LinearInput::save_to(std::vector<at::Tensor>& tensors) const {
  const auto more = norm_ ? norm_->saved() : std::vector<at::Tensor>{rows_};
  tensors.insert(tensors.end(), more.begin(), more.end());
  if (norm_ && keeps_results(rows_)) tensors.push_back(norm_->result());
}

NormPass::Gradients LinearInput::backward(const at::Tensor& grad) {
  if (!norm_) return {grad, {}, {}};
  return norm_->backward(grad, kept_.defined() ? NormPass::Again::no : NormPass::Again::yes);
}

at::Tensor by_chunks(const at::Tensor& rows, std::int64_t out, const std::optional<Norm>& norm,
                     const std::function<at::Tensor(const at::Tensor&)>& compute) {
  // Enough for GEMMs to reach their best rate.
  constexpr std::int64_t kRows = 4096;
  const auto compute_of = [&](const at::Tensor& chunk) {
    return compute(norm ? NormPass(chunk, norm->weight, norm->bias, norm->eps).result() : chunk);
  };
  if (rows.size(0) <= kRows || !rows.is_cpu()) return compute_of(rows);
  at::Tensor result = at::empty({rows.size(0), out}, rows.options());
  for (std::int64_t first = 0; first < rows.size(0); first += kRows) {
    const std::int64_t count = std::min(kRows, rows.size(0) - first);
    result.narrow(0, first, count).copy_(compute_of(rows.narrow(0, first, count)));
  }
  return result;
}

}  // namespace convmae::ops
