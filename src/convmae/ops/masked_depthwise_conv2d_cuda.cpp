#include "convmae/ops/cuda_start.h"
#include "convmae/ops/kernel_choice.h"
#include "convmae/ops/kernels/cuda/depthwise.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/masked_depthwise_conv2d_passes.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/accumulate.h>
#include <torch/library.h>

namespace convmae::ops::depthwise {
namespace {

using at::Tensor;
using depthwise_cuda::Problem;

constexpr const char* kName = "masked_depthwise_conv2d";

/// `kept` and `slot` are contiguous, and outlive the problem. Their numbers are not looked at: that
/// would wait for the device.
Problem problem_of(const Tensor& x, const Tensor& weight, const Tensor& kept, const Tensor& slot,
                   at::IntArrayRef nesting) {
  Problem p;
  p.rows = x.size(0) * x.size(1);
  p.visible = x.size(1);
  p.channels = x.size(3);
  p.kernel = static_cast<int>(weight.size(2));
  p.side = static_cast<int>(c10::multiply_integers(nesting));
  for (const int64_t side : nesting) {
    if (side == 1) continue;
    TORCH_CHECK(p.levels < depthwise_cuda::kMaxLevels, kName, ": a nesting of at most ",
                depthwise_cuda::kMaxLevels, " sides expected, found ", nesting);
    p.nesting[p.levels++] = static_cast<int>(side);
  }
  p.grid_height = static_cast<int>(slot.size(1));
  p.grid_width = static_cast<int>(slot.size(2));
  p.kept = kept.const_data_ptr<int64_t>();
  p.slot = slot.const_data_ptr<int64_t>();
  return p;
}

void start_convolve(const Problem& problem, const Tensor& x, const Tensor& taps, const Tensor& bias,
                    const Tensor& out) {
  start_on_device_of(x, kName, [&](void* stream) {
    return depthwise_cuda::convolve(
        element_of(x), problem, x.const_data_ptr(), taps.const_data_ptr(),
        bias.defined() ? bias.const_data_ptr() : nullptr, out.mutable_data_ptr(), stream);
  });
}

Tensor forward_cuda(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                    const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  if (kernel_choice() == KernelChoice::reference) {
    return reference_forward(x, weight, bias, kept, slot, nesting);
  }
  check_forward(x, weight, bias, kept, slot, nesting);
  const Tensor blocks = x.contiguous();
  const Tensor kept_rows = kept.contiguous();
  const Tensor slots = slot.contiguous();
  const at::ScalarType type = accumulation_type(x);
  Tensor out = at::empty_like(blocks);
  start_convolve(problem_of(blocks, weight, kept_rows, slots, nesting), blocks,
                 taps_of(weight, type), bias ? bias->to(type).contiguous() : Tensor(), out);
  return out;
}

Gradients backward_cuda(const Tensor& grad, const Tensor& x, const Tensor& weight,
                        const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting,
                        std::array<bool, 3> needed) {
  if (kernel_choice() == KernelChoice::reference) {
    return reference_backward(grad, x, weight, kept, slot, nesting, needed);
  }
  check_backward(grad, x, weight, kept, slot, nesting);
  const Tensor blocks = x.contiguous();
  const Tensor grad_out = grad.contiguous();
  const Tensor kept_rows = kept.contiguous();
  const Tensor slots = slot.contiguous();
  const Problem problem = problem_of(blocks, weight, kept_rows, slots, nesting);
  const at::ScalarType type = accumulation_type(x);
  Tensor grad_x;
  if (needed[0]) {
    grad_x = at::empty_like(blocks);
    start_convolve(problem, grad_out, turned_taps_of(weight, type), Tensor(), grad_x);
  }
  if (!needed[1] && !needed[2]) return {grad_x, Tensor(), Tensor()};
  constexpr int64_t kLeastRows = 8;
  const int64_t parts = parts_of(problem.rows, kLeastRows);
  const Tensor sums =
      at::empty({parts, weight.size(2) * weight.size(3) + 1, x.size(3)}, x.options().dtype(type));
  start_on_device_of(x, kName, [&](void* stream) {
    return depthwise_cuda::taps_gradient(element_of(x), problem, blocks.const_data_ptr(),
                                         grad_out.const_data_ptr(), sums.mutable_data_ptr(), parts,
                                         stream);
  });
  return gradients_of_sums(grad_x, sums, weight, needed);
}

TORCH_LIBRARY_IMPL(convmae, CUDA, library) {
  library.impl("masked_depthwise_conv2d", forward_cuda);
  library.impl("masked_depthwise_conv2d_backward", backward_cuda);
}

}  // namespace
}  // namespace convmae::ops::depthwise
