#include "convmae/ops/masked_depthwise_conv2d.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernel_choice.h"
#include "convmae/ops/kernels/depthwise.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/masked_depthwise_conv2d_passes.h"
#include "convmae/ops/once_differentiable.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/cpu/utils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>
#include <tuple>
#include <utility>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using depthwise::Gradients;

/// kept and slot come from the caller as data; a wrong number would be a read outside x. Here they
/// lie in host memory: no device is waited for.
void check_indices(const Tensor& kept, const Tensor& slot) {
  const int64_t images = kept.size(0);
  const int64_t visible = kept.size(1);
  const int64_t blocks = slot.size(1) * slot.size(2);
  const auto* kept_data = kept.const_data_ptr<int64_t>();
  const auto* slot_data = slot.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < images; ++i) {
    for (int64_t v = 0; v < visible; ++v) {
      const int64_t block = kept_data[i * visible + v];
      TORCH_CHECK(block >= 0 && block < blocks && slot_data[i * blocks + block] == v,
                  "masked_depthwise_conv2d: kept and slot disagree at image ", i, ", row ", v);
    }
    int64_t present = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t row = slot_data[i * blocks + b];
      TORCH_CHECK(row >= -1 && row < visible, "masked_depthwise_conv2d: slot ", row,
                  " is outside the ", visible, " visible blocks of image ", i);
      present += static_cast<int64_t>(row >= 0);
    }
    TORCH_CHECK(present == visible, "masked_depthwise_conv2d: slot names ", present,
                " blocks of image ", i, ", kept has ", visible);
  }
}

// ---- CPU ----

depthwise_kernel::Kernels kernels_for(const Tensor& x) {
  return for_this_cpu(depthwise_kernel::kernels_baseline, depthwise_kernel::kernels_avx2,
                      depthwise_kernel::kernels_avx512,
                      depthwise_kernel::kernels_avx512_bf16)(element_of(x));
}

/// Number in nested order of every cell of a block in raster order. With sides {a, b} the cell at
/// (y, x) is the (y % b, x % b)-th cell inside the (y / b, x / b)-th group.
std::vector<int64_t> nested_of_raster(at::IntArrayRef nesting) {
  const int64_t side = c10::multiply_integers(nesting);
  std::vector<int64_t> nested(static_cast<size_t>(side * side));
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x) {
      int64_t number = 0;
      int64_t inner = side;
      for (const int64_t outer : nesting) {
        inner /= outer;
        number = number * outer * outer + (y / inner % outer) * outer + x / inner % outer;
      }
      nested[static_cast<size_t>(y * side + x)] = number;
    }
  }
  return nested;
}

/// A Problem together with the tables that it points to.
class ProblemTables {
 public:
  ProblemTables(const Tensor& x, const Tensor& weight, Tensor kept, Tensor slot,
                at::IntArrayRef nesting)
      : kept_(std::move(kept)),
        slot_(std::move(slot)),
        nested_of_raster_(nested_of_raster(nesting)),
        raster_of_nested_(nested_of_raster_.size()) {
    for (size_t raster = 0; raster < nested_of_raster_.size(); ++raster) {
      raster_of_nested_[static_cast<size_t>(nested_of_raster_[raster])] =
          static_cast<int64_t>(raster);
    }
    problem_.visible = x.size(1);
    problem_.side = c10::multiply_integers(nesting);
    problem_.channels = x.size(3);
    problem_.kernel = weight.size(2);
    problem_.grid_height = slot_.size(1);
    problem_.grid_width = slot_.size(2);
    problem_.kept = kept_.const_data_ptr<int64_t>();
    problem_.slot = slot_.const_data_ptr<int64_t>();
    problem_.nested_of_raster = nested_of_raster_.data();
    problem_.raster_of_nested = raster_of_nested_.data();
  }
  const depthwise_kernel::Problem& operator*() const { return problem_; }

 private:
  Tensor kept_;
  Tensor slot_;
  std::vector<int64_t> nested_of_raster_;
  std::vector<int64_t> raster_of_nested_;
  depthwise_kernel::Problem problem_;
};

void run_convolve(const ProblemTables& problem, const Tensor& x, const Tensor& taps,
                  const Tensor& bias, Tensor& out) {
  if (out.numel() == 0) return;
  const auto convolve = kernels_for(x).convolve;
  const void* bias_data = bias.defined() ? bias.const_data_ptr() : nullptr;
  at::parallel_for(0, x.size(0) * x.size(1), 1, [&](int64_t begin, int64_t end) {
    convolve(*problem, x.const_data_ptr(), taps.const_data_ptr(), bias_data, out.mutable_data_ptr(),
             begin, end);
  });
}

Tensor forward_cpu(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                   const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  depthwise::check_forward(x, weight, bias, kept, slot, nesting);
  const Tensor kept_rows = kept.contiguous();
  const Tensor slots = slot.contiguous();
  check_indices(kept_rows, slots);
  if (kernel_choice() == KernelChoice::reference) {
    return depthwise::reference_forward(x, weight, bias, kept, slot, nesting);
  }
  const Tensor blocks = x.contiguous();
  const at::ScalarType type = accumulation_type(x);
  Tensor out = at::empty_like(blocks);
  run_convolve({blocks, weight, kept_rows, slots, nesting}, blocks,
               depthwise::taps_of(weight, type), bias ? bias->to(type).contiguous() : Tensor(),
               out);
  return out;
}

Gradients backward_cpu(const Tensor& grad, const Tensor& x, const Tensor& weight,
                       const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting,
                       std::array<bool, 3> needed) {
  depthwise::check_backward(grad, x, weight, kept, slot, nesting);
  const Tensor kept_rows = kept.contiguous();
  const Tensor slots = slot.contiguous();
  check_indices(kept_rows, slots);
  if (kernel_choice() == KernelChoice::reference) {
    return depthwise::reference_backward(grad, x, weight, kept, slot, nesting, needed);
  }
  const Tensor blocks = x.contiguous();
  const Tensor grad_out = grad.contiguous();
  const ProblemTables problem(blocks, weight, kept_rows, slots, nesting);
  const at::ScalarType type = accumulation_type(x);

  Tensor grad_x;
  if (needed[0]) {
    grad_x = at::empty_like(blocks);
    run_convolve(problem, grad_out, depthwise::turned_taps_of(weight, type), Tensor(), grad_x);
  }
  if (!needed[1] && !needed[2]) return {grad_x, Tensor(), Tensor()};
  // A sum per image, then over images in their order: the same bits for any number of threads.
  const int64_t images = x.size(0);
  const int64_t taps = weight.size(2) * weight.size(3);
  const Tensor sums = at::zeros({images, taps + 1, x.size(3)}, x.options().dtype(type));
  if (blocks.numel() > 0) {
    const auto taps_gradient = kernels_for(x).taps_gradient;
    at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
      for (int64_t image = begin; image < end; ++image) {
        Tensor sum = sums.select(0, image);
        taps_gradient(*problem, blocks.const_data_ptr(), grad_out.const_data_ptr(),
                      sum.narrow(0, 0, taps).mutable_data_ptr(),
                      sum.select(0, taps).mutable_data_ptr(), image);
      }
    });
  }
  return depthwise::gradients_of_sums(grad_x, sums, weight, needed);
}

// ---- Shapes only ----

Tensor forward_meta(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                    const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  depthwise::check_forward(x, weight, bias, kept, slot, nesting);
  return at::empty(x.sizes(), x.options());
}

Gradients backward_meta(const Tensor& grad, const Tensor& x, const Tensor& weight,
                        const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting,
                        std::array<bool, 3> needed) {
  depthwise::check_backward(grad, x, weight, kept, slot, nesting);
  return {needed[0] ? at::empty(x.sizes(), x.options()) : Tensor(),
          needed[1] ? at::empty(weight.sizes(), weight.options()) : Tensor(),
          needed[2] ? at::empty({x.size(3)}, weight.options()) : Tensor()};
}

// ---- Autograd ----

Tensor call_forward(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                    const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::masked_depthwise_conv2d", "")
                             .typed<decltype(call_forward)>();
  return op.call(x, weight, bias, kept, slot, nesting);
}

Gradients call_backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                        const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting,
                        std::array<bool, 3> needed) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::masked_depthwise_conv2d_backward", "")
                             .typed<decltype(call_backward)>();
  return op.call(grad, x, weight, kept, slot, nesting, needed);
}

class MaskedDepthwiseConv2d : public torch::autograd::Function<MaskedDepthwiseConv2d> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const Tensor& weight, const OptionalTensor& bias, const Tensor& kept,
                        const Tensor& slot, const std::vector<int64_t>& nesting) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x, weight, kept, slot});
    context->saved_data["nesting"] = nesting;
    context->saved_data["has_bias"] = bias.has_value();
    return call_forward(x, weight, bias, kept, slot, nesting);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    refuse_second_derivative("masked_depthwise_conv2d");
    const auto saved = context->get_saved_variables();
    const auto nesting = context->saved_data["nesting"].toIntVector();
    // An absent bias has no number of its own.
    const bool has_bias = context->saved_data["has_bias"].toBool();
    const std::array<bool, 3> needed{context->needs_input_grad(0), context->needs_input_grad(1),
                                     has_bias && context->needs_input_grad(2)};
    auto [grad_x, grad_weight, grad_bias] =
        call_backward(grads[0], saved[0], saved[1], saved[2], saved[3], nesting, needed);
    return {grad_x, grad_weight, grad_bias, Tensor(), Tensor(), Tensor()};
  }
};

Tensor forward_autograd(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                        const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  return MaskedDepthwiseConv2d::apply(x, weight, bias, kept, slot, nesting.vec());
}

}  // namespace

Tensor masked_depthwise_conv2d(const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                               const Tensor& kept, const Tensor& slot, at::IntArrayRef nesting) {
  return call_forward(x, weight, bias, kept, slot, nesting);
}

TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def(
      "masked_depthwise_conv2d(Tensor x, Tensor weight, Tensor? bias, Tensor kept, Tensor slot, "
      "int[] nesting) -> Tensor");
  library.def(
      "masked_depthwise_conv2d_backward(Tensor grad, Tensor x, Tensor weight, Tensor kept, "
      "Tensor slot, int[] nesting, bool[3] needed) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("masked_depthwise_conv2d", forward_cpu);
  library.impl("masked_depthwise_conv2d_backward", backward_cpu);
}

TORCH_LIBRARY_IMPL(convmae, Meta, library) {
  library.impl("masked_depthwise_conv2d", forward_meta);
  library.impl("masked_depthwise_conv2d_backward", backward_meta);
}

TORCH_LIBRARY_IMPL(convmae, Autograd, library) {
  library.impl("masked_depthwise_conv2d", forward_autograd);
}

}  // namespace convmae::ops
