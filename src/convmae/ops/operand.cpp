#include "convmae/ops/operand.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

namespace convmae::ops {
namespace {

at::Tensor as_matrix(const at::Tensor& weight) {
  TORCH_CHECK(
      weight.dim() == 2 || (weight.dim() == 4 && weight.size(2) == 1 && weight.size(3) == 1),
      "linear: weight must be [out, in] or [out, in, 1, 1], found ", weight.sizes());
  return weight.dim() == 2 ? weight : weight.flatten(1);
}

}  // namespace

at::Tensor Operand::matrix() const { return as_matrix(weight); }

at::Tensor Operand::matrix_in(at::ScalarType type) const {
  const at::Tensor& numbers = copy.defined() ? copy : weight;
  return as_matrix(numbers.detach()).to(type);
}

bool OperandCache::is_current(const at::Tensor& weight) const {
  return copy_.defined() && copy_.sizes() == weight.sizes() && memory_ &&
         memory_->_unsafe_get_target() == weight.storage().unsafeGetStorageImpl() &&
         version_ == weight._version();
}

Operand OperandCache::operand(const at::Tensor& weight, at::ScalarType type) {
  if (weight.scalar_type() == type) return weight;
  if (!is_current(weight) || copy_.scalar_type() != type) {
    const at::NoGradGuard no_grad;
    // A new tensor, not the old one overwritten: a graph of the last step may still hold that.
    copy_ = weight.to(type);
    memory_ = weight.storage().getWeakStorageImpl();
    version_ = weight._version();
  }
  return {weight, copy_};
}

}  // namespace convmae::ops
