#pragma once

#include <ATen/core/Tensor.h>

namespace convmae {

/// Number by number |d| - beta / 2, and d * d / (2 beta) where |d| < beta (Girshick, Fast R-CNN,
/// arXiv 1504.08083, equation 3); the absolute difference for a beta of 0.
at::Tensor smooth_l1(const at::Tensor& prediction, const at::Tensor& target, double beta);

}  // namespace convmae
