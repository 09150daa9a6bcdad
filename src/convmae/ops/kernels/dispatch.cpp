#include "convmae/ops/kernels/dispatch.h"

#include "convmae/ops/kernel_choice.h"

#include <c10/util/Exception.h>

namespace convmae::ops {

bool has_element(const at::Tensor& x) {
  const auto type = x.scalar_type();
  return type == at::kFloat || type == at::kDouble || type == at::kBFloat16;
}

bool has_kernel(const at::Tensor& x) {
  return x.device().is_cpu() && has_element(x) && kernel_choice() == KernelChoice::own;
}

Element element_of(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return Element::f32;
    case at::kDouble:
      return Element::f64;
    case at::kBFloat16:
      return Element::bf16;
    default:
      TORCH_CHECK(false, "float32, float64 or bfloat16 expected, found ", x.scalar_type());
  }
}

const std::byte* bytes_of(const at::Tensor& x) {
  return static_cast<const std::byte*>(x.const_data_ptr());
}

std::byte* mutable_bytes_of(const at::Tensor& x) {
  return static_cast<std::byte*>(x.mutable_data_ptr());
}

at::ScalarType accumulation_type(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace convmae::ops
