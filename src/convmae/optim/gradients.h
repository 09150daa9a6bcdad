#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace convmae {

/// The 2-norm over all elements of all gradients, [] on their device; 0 for none. One non-finite
/// element makes it non-finite, so it also serves as the test for a broken step.
at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients);
/// The same as a number.
double grad_norm(const std::vector<at::Tensor>& gradients);

/// Scales the gradients in place so that their norm, which the caller has measured, becomes at most
/// `max_norm`.
void clip_gradients(const std::vector<at::Tensor>& gradients, double norm, double max_norm);
/// The same with a norm [] that nobody waits for.
void clip_gradients(const std::vector<at::Tensor>& gradients, const at::Tensor& norm,
                    double max_norm);

}  // namespace convmae
