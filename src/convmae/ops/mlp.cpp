#include "convmae/ops/mlp.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/gemm.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/kernels/gelu.h"
#include "convmae/ops/linear_input.h"
#include "convmae/ops/once_differentiable.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The GELU has no kernel for float64, which only tests compute in.
bool has_gelu_kernel(const Tensor& x) { return has_kernel(x) && x.scalar_type() != at::kDouble; }

gelu_kernel::Kernels kernels_for(const Tensor& x) {
  return for_this_cpu(gelu_kernel::kernels_baseline, gelu_kernel::kernels_avx2,
                      gelu_kernel::kernels_avx512, gelu_kernel::kernels_avx512_bf16)(element_of(x));
}

constexpr std::int64_t kGrain = 32768;

/// Calls work(offset in bytes, numbers) for stretches of a contiguous tensor, on all threads.
template <typename Work>
void for_each_stretch(const Tensor& x, Work&& work) {
  const auto size = static_cast<std::int64_t>(x.element_size());
  at::parallel_for(0, x.numel(), kGrain,
                   [&](std::int64_t begin, std::int64_t end) { work(begin * size, end - begin); });
}

/// y = gelu(x) for contiguous tensors, which may be the same.
void gelu_into(const Tensor& x, const Tensor& y) {
  const auto kernels = kernels_for(x);
  const std::byte* const from = bytes_of(x);
  std::byte* const to = mutable_bytes_of(y);
  for_each_stretch(x, [&](std::int64_t offset, std::int64_t n) {
    kernels.forward(from + offset, to + offset, n);
  });
}

Tensor gelu_values(const Tensor& input) {
  if (!has_gelu_kernel(input)) return at::gelu(input);
  const Tensor x = input.contiguous();
  Tensor y = at::empty_like(x);
  gelu_into(x, y);
  return y;
}

/// gelu(x), which may take x's memory.
Tensor gelu_over(const Tensor& x) {
  if (!has_gelu_kernel(x) || !x.is_contiguous()) return at::gelu(x);
  gelu_into(x, x);
  return x;
}

Tensor gelu_gradient(const Tensor& input, const Tensor& grad) {
  if (!has_gelu_kernel(input)) return at::gelu_backward(grad, input);
  const Tensor x = input.contiguous();
  const Tensor grad_y = grad.contiguous();
  Tensor grad_x = at::empty_like(x);
  const auto kernels = kernels_for(x);
  const std::byte* const from = bytes_of(x);
  const std::byte* const from_grad = bytes_of(grad_y);
  std::byte* const to = mutable_bytes_of(grad_x);
  for_each_stretch(x, [&](std::int64_t offset, std::int64_t n) {
    kernels.backward(from + offset, from_grad + offset, to + offset, n);
  });
  return grad_x;
}

/// gelu(input), which is `kept` if that is defined, and the gradient of the input for the gradient
/// `grad` of that, which is overwritten.
std::pair<Tensor, Tensor> gelu_values_and_gradient(const Tensor& input, const Tensor& kept,
                                                   const Tensor& grad) {
  if (kept.defined()) return {kept, gelu_gradient(input, grad)};
  if (!has_gelu_kernel(input)) return {at::gelu(input), at::gelu_backward(grad, input)};
  const Tensor x = input.contiguous();
  Tensor grad_x = grad.contiguous();
  Tensor y = at::empty_like(x);
  const auto kernels = kernels_for(x);
  const std::byte* const from = bytes_of(x);
  std::byte* const to = mutable_bytes_of(y);
  std::byte* const to_grad = mutable_bytes_of(grad_x);
  for_each_stretch(x, [&](std::int64_t offset, std::int64_t n) {
    kernels.both(from + offset, to_grad + offset, to + offset, to_grad + offset, n);
  });
  return {y, grad_x};
}

class Gelu : public torch::autograd::Function<Gelu> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x});
    return gelu_values(x);
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    refuse_second_derivative("gelu");
    return {gelu_gradient(context->get_saved_variables()[0], grads[0])};
  }
};

class MlpFunction : public torch::autograd::Function<MlpFunction> {
 public:
  // rows [M, in]; weights are matrices, operands the same in the type of the rows; norm weight and
  // bias [in]
  static Tensor forward(AutogradContext* context, const Tensor& rows, const Tensor& weight1,
                        const Tensor& operand1, const Tensor& bias1, const Tensor& weight2,
                        const Tensor& operand2, const Tensor& bias2,
                        const std::optional<Tensor>& norm_weight,
                        const std::optional<Tensor>& norm_bias, double eps, GemmPolicy gemm) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    TORCH_CHECK(weight2.scalar_type() == weight1.scalar_type(), "mlp: weights of two types");
    const LinearInput input(rows, norm_weight, norm_bias, eps);
    const Tensor hidden = linear_forward(input.operand(), operand1, bias1, gemm);
    const Tensor values = gelu_values(hidden);
    variable_list saved{operand1, operand2, hidden, keeps_results(rows) ? values : Tensor()};
    input.save_to(saved);
    context->save_for_backward(std::move(saved));
    context->saved_data["weight_type"] = weight1.scalar_type();
    context->saved_data["gemm"] = gemm.number();
    return linear_forward(values, operand2, bias2, gemm);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    refuse_second_derivative("mlp");
    const variable_list saved = context->get_saved_variables();
    const Tensor& operand1 = saved[0];
    const Tensor& operand2 = saved[1];
    const Tensor& hidden = saved[2];
    const Tensor& kept = saved[3];
    LinearInput input{std::span(saved).subspan(4)};
    const at::ScalarType weight_type = context->saved_data["weight_type"].toScalarType();
    const GemmPolicy gemm = GemmPolicy::of_number(context->saved_data["gemm"].toInt());
    const auto needs = [&](std::size_t number) { return context->needs_input_grad(number); };
    variable_list result(11);
    const Tensor grad = grads[0].contiguous();
    if (needs(6)) result[6] = bias_gradient(grad, weight_type);
    const bool needs_input = needs(0) || input.has_norm();
    if (!needs_input && !needs(1) && !needs(3)) {
      if (needs(4)) {
        result[4] =
            weight_gradient(grad, kept.defined() ? kept : gelu_values(hidden), weight_type, gemm);
      }
      return result;
    }
    Tensor grad_hidden;
    {
      Tensor values;
      std::tie(values, grad_hidden) =
          gelu_values_and_gradient(hidden, kept, input_gradient(grad, operand2, gemm));
      if (needs(4)) result[4] = weight_gradient(grad, values, weight_type, gemm);
    }
    if (needs(3)) result[3] = bias_gradient(grad_hidden, weight_type);
    if (needs_input) {
      auto inner = input.backward(input_gradient(grad_hidden, operand1, gemm));
      result[0] = inner.x;
      result[7] = inner.weight;
      result[8] = inner.bias;
    }
    if (needs(1)) result[1] = weight_gradient(grad_hidden, input.operand(), weight_type, gemm);
    return result;
  }
};

}  // namespace

Tensor gelu(const Tensor& x) { return Gelu::apply(x); }

Tensor mlp(const Tensor& x, const Operand& weight1, const Tensor& bias1, const Operand& weight2,
           const Tensor& bias2, const std::optional<Norm>& norm) {
  if (norm) check_norm(x, *norm);
  const GemmPolicy gemm = weight1.gemm;
  TORCH_CHECK(weight2.gemm == gemm, "mlp: weights with two policies for their GEMMs");
  const Tensor operand1 = weight1.matrix_in(x.scalar_type());
  const Tensor operand2 = weight2.matrix_in(x.scalar_type());
  const Tensor rows = as_rows(x, operand1);
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = operand2.size(0);
  if (!at::GradMode::is_enabled()) {
    return by_chunks(rows, operand2.size(0), norm,
                     [&](const Tensor& chunk) {
                       return linear_forward(
                           gelu_over(linear_forward(chunk, operand1, bias1, gemm)), operand2, bias2,
                           gemm);
                     })
        .view(shape);
  }
  return MlpFunction::apply(rows, weight1.matrix(), operand1, bias1, weight2.matrix(), operand2,
                            bias2, weight_of(norm), bias_of(norm), norm ? norm->eps : 0.0, gemm)
      .view(shape);
}

}  // namespace convmae::ops
