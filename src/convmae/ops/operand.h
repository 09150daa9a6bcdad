#pragma once

#include "convmae/ops/gemm_policy.h"

#include <ATen/core/Tensor.h>
#include <c10/core/StorageImpl.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace convmae::ops {

/// A weight [out, in] or, of a 1x1 convolution, [out, in, 1, 1], and the same numbers in the type
/// that GEMMs run in. Gradients go to the weight, in its own type.
struct Operand {
  // Layers without a copy hand in their weight as it is.
  Operand(at::Tensor parameter, GemmPolicy policy = {})  // NOLINT(google-explicit-constructor)
      : weight(std::move(parameter)), gemm(policy) {}
  Operand(at::Tensor parameter, at::Tensor same_numbers)
      : weight(std::move(parameter)), copy(std::move(same_numbers)) {}

  /// The weight as a matrix [out, in], differentiable. Throws c10::Error for other shapes.
  at::Tensor matrix() const;
  /// The matrix that is multiplied with numbers of this type, without gradient.
  at::Tensor matrix_in(at::ScalarType type) const;

  at::Tensor weight;
  at::Tensor copy;  ///< may be undefined: then one is made where the types differ
  GemmPolicy gemm;  ///< by whom the weight is multiplied
};

/// The copy of a float32 parameter that bfloat16 GEMMs read, kept from step to step and made
/// anew when the parameter has changed.
class OperandCache {
 public:
  Operand operand(const at::Tensor& weight, at::ScalarType type);

 private:
  bool is_current(const at::Tensor& weight) const;

  at::Tensor copy_;
  /// Of the weight; not its address, which a device may not have, and others get when it is freed.
  std::optional<c10::weak_intrusive_ptr<c10::StorageImpl>> memory_;
  std::int64_t version_ = 0;
};

}  // namespace convmae::ops
