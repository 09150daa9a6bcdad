#pragma once

#include "convmae/optim/gradients.h"
#include "convmae/train/task.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <torch/library.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace convmae {

/// What the trainer does in a step on a device that it does not wait for, with the meta device's
/// tensors, which have shapes but no numbers: whatever reads one throws.
inline void take_step_without_numbers(Task& task, const Batch& batch) {
  const Loss loss = task.loss(batch);
  TORCH_CHECK(loss.total.is_meta(), "the loss is on ", loss.total.device());
  loss.total.backward();
  const std::vector<at::Tensor> gradients = task.optimizer().gradients();
  const at::Tensor norm = gradient_norm(gradients);
  const at::Tensor admitted = at::isfinite(norm.to(at::kDouble) + loss.total.detach());
  clip_gradients(gradients, norm, 1.0);
  task.optimizer().step_if(admitted, 1e-3);
  task.commit_if(admitted);
  task.optimizer().zero_grad();
}

/// What the library has for devices with numbers alone. One file of a program includes this.
TORCH_LIBRARY_IMPL(aten, Meta, library) {
  library.impl("_fused_adamw_",
               [](at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList,
                  at::TensorList, double, double, double, double, double, bool, bool,
                  const std::optional<at::Tensor>&, const std::optional<at::Tensor>&) {});
  library.impl("index_select", [](const at::Tensor& x, std::int64_t dim, const at::Tensor& index) {
    std::vector<std::int64_t> sizes = x.sizes().vec();
    sizes.at(static_cast<std::size_t>(dim)) = index.numel();
    return at::empty(sizes, x.options());
  });
  library.impl("mse_loss_backward", [](const at::Tensor&, const at::Tensor& x, const at::Tensor&,
                                       std::int64_t) { return at::empty_like(x); });
  library.impl("abs.out", [](const at::Tensor& x, at::Tensor& out) -> at::Tensor& {
    out.resize_(x.sizes());
    return out;
  });
  library.impl("where.self",
               [](const at::Tensor& which, const at::Tensor& x, const at::Tensor& other) {
                 const std::vector<std::int64_t> sizes =
                     at::infer_size(at::infer_size(which.sizes(), x.sizes()), other.sizes());
                 return at::empty(sizes, x.options());
               });
}

}  // namespace convmae
