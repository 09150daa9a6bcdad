#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace convmae {

/// f(x), without what the backward pass needs being kept: that computes f(x) once more. For less
/// memory, at the price of one more forward pass of this part. `parameters` are all that f reads
/// and that wants gradients, beside x; f must give the same result both times, so what it draws
/// must be drawn before. Differentiable once. Where nothing wants a gradient it is f(x).
at::Tensor recompute_in_backward(const std::function<at::Tensor(const at::Tensor&)>& f,
                                 const at::Tensor& x, std::vector<at::Tensor> parameters);

}  // namespace convmae
