#pragma once

#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// An operator and what to try it on; all operators are in operator_cases(), so that what is to be
/// true of each, on any device, is said once.
struct OperatorCase {
  using Tensors = std::vector<at::Tensor>;

  std::string name;
  Tensors activations;  ///< float64; these have the type that is tried
  Tensors parameters;   ///< float64; these are float32 beside bfloat16 activations
  Tensors places;       ///< whole numbers and what may be seen
  std::function<at::Tensor(const Tensors& x, const Tensors& p, const Tensors& places)> compute;
};

std::vector<OperatorCase> operator_cases();

/// The result, and the gradients of activations and parameters for a fixed one of the result.
std::vector<at::Tensor> result_and_gradients(const OperatorCase& c, at::Device device,
                                             at::ScalarType type);
/// The result where nobody wants a gradient.
at::Tensor result_alone(const OperatorCase& c, at::Device device, at::ScalarType type);

}  // namespace convmae
