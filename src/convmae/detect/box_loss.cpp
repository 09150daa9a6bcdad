#include "convmae/detect/box_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

namespace convmae {

at::Tensor smooth_l1(const at::Tensor& prediction, const at::Tensor& target, double beta) {
  at::Tensor difference = (prediction - target).abs();
  if (beta == 0) return difference;
  return at::where(difference < beta, difference.square() * (0.5 / beta), difference - 0.5 * beta);
}

}  // namespace convmae
