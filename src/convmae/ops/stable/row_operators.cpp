#include "convmae/ops/kernels/gelu.h"
#include "convmae/ops/kernels/layer_norm.h"
#include "convmae/ops/stable/tensors.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

namespace convmae::stable {
namespace {

// ---- layer_norm: of the last dimension ----

layer_norm_kernel::Kernels norm_kernels(const Tensor& x) {
  return for_this_cpu(layer_norm_kernel::kernels_baseline, layer_norm_kernel::kernels_avx2,
                      layer_norm_kernel::kernels_avx512,
                      layer_norm_kernel::kernels_avx512_bf16)(element_of(x));
}

/// The channels of x.
std::int64_t check_norm(const char* name, const Tensor& x, const Tensor& weight,
                        const Tensor& bias) {
  check_numbers(name, x);
  check(x.dim() >= 1 && x.size(x.dim() - 1) > 0, name, ": x must be [..., C], found ",
        shape_text(x));
  const std::int64_t dim = x.size(x.dim() - 1);
  check_shape(name, "weight", weight, {dim});
  check_shape(name, "bias", bias, {dim});
  return dim;
}

/// x [..., C], weight and bias [C] -> y, and of every row its mean and 1 / sqrt(variance + eps).
std::tuple<Tensor, Tensor, Tensor> layer_norm(const Tensor& input, const Tensor& weight,
                                              const Tensor& bias, double eps) {
  const std::int64_t dim = check_norm("layer_norm", input, weight, bias);
  const Type type = accumulation_type(input);
  const Tensor x = torch::stable::contiguous(input);
  const Tensor scale = in_type(weight, type);
  const Tensor shift = in_type(bias, type);
  const std::int64_t rows = x.numel() / dim;
  const Tensor y = empty_as(x);
  const Tensor mean = empty({rows}, type);
  const Tensor inverse_deviation = empty({rows}, type);
  const auto kernels = norm_kernels(x);
  for_each_part(rows, [&](std::int64_t first, std::int64_t count, std::int64_t /*part*/) {
    const std::int64_t row = first * dim * size_of(x);
    const std::int64_t number = first * size_of(mean);
    kernels.forward({.rows = count,
                     .dim = dim,
                     .x = bytes_of(x) + row,
                     .weight = bytes_of(scale),
                     .bias = bytes_of(shift),
                     .eps = eps,
                     .y = mutable_bytes_of(y) + row,
                     .mean = mutable_bytes_of(mean) + number,
                     .inverse_deviation = mutable_bytes_of(inverse_deviation) + number});
  });
  return {y, mean, inverse_deviation};
}

/// Gradients of x, weight and bias, in their types, and y once more.
std::tuple<Tensor, Tensor, Tensor, Tensor> layer_norm_backward(
    const Tensor& grad, const Tensor& input, const Tensor& weight, const Tensor& bias,
    const Tensor& mean, const Tensor& inverse_deviation) {
  constexpr const char* kName = "layer_norm_backward";
  const std::int64_t dim = check_norm(kName, input, weight, bias);
  check_like(kName, "grad", grad, input);
  const Type type = accumulation_type(input);
  const std::int64_t rows = input.numel() / dim;
  check_shape(kName, "mean", mean, {rows});
  check_shape(kName, "inverse_deviation", inverse_deviation, {rows});
  const Tensor x = torch::stable::contiguous(input);
  const Tensor grad_y = torch::stable::contiguous(grad);
  const Tensor scale = in_type(weight, type);
  const Tensor shift = in_type(bias, type);
  const Tensor means = in_type(mean, type);
  const Tensor deviations = in_type(inverse_deviation, type);
  const Tensor grad_x = empty_as(x);
  const Tensor y = empty_as(x);
  const Tensor sums = zeros({kParts, 2, dim}, type);
  const auto kernels = norm_kernels(x);
  for_each_part(rows, [&](std::int64_t first, std::int64_t count, std::int64_t part) {
    const std::int64_t row = first * dim * size_of(x);
    const std::int64_t number = first * size_of(sums);
    std::byte* const sum = mutable_bytes_of(sums) + part * 2 * dim * size_of(sums);
    kernels.backward({.rows = count,
                      .dim = dim,
                      .x = bytes_of(x) + row,
                      .weight = bytes_of(scale),
                      .mean = bytes_of(means) + number,
                      .inverse_deviation = bytes_of(deviations) + number,
                      .grad_y = bytes_of(grad_y) + row,
                      .grad_x = mutable_bytes_of(grad_x) + row,
                      .grad_weight = sum,
                      .grad_bias = sum + dim * size_of(sums),
                      .bias = bytes_of(shift),
                      .y = mutable_bytes_of(y) + row});
  });
  const Tensor total = sum_first(sums);
  // Tensors of their own: an operator may not return two that share memory.
  const auto parameter = [&](std::int64_t index, const Tensor& like) {
    return torch::stable::to(torch::stable::clone(torch::stable::select(total, 0, index)),
                             like.scalar_type());
  };
  return {grad_x, parameter(0, weight), parameter(1, bias), y};
}

// ---- gelu: exact, by the normal distribution ----

gelu_kernel::Kernels gelu_kernels(const char* name, const Tensor& x) {
  check(x.is_cpu() && (x.scalar_type() == Type::Float || x.scalar_type() == Type::BFloat16), name,
        ": tensors on the CPU of float32 or bfloat16 expected");
  return for_this_cpu(gelu_kernel::kernels_baseline, gelu_kernel::kernels_avx2,
                      gelu_kernel::kernels_avx512, gelu_kernel::kernels_avx512_bf16)(element_of(x));
}

/// Calls work(offset in bytes, numbers) for stretches of a contiguous tensor.
template <typename Work>
void for_each_stretch(const Tensor& x, const Work& work) {
  constexpr std::int64_t kGrain = 32768;
  torch::stable::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (end > begin) work(begin * size_of(x), end - begin);
  });
}

Tensor gelu(const Tensor& input) {
  const auto kernels = gelu_kernels("gelu", input);
  const Tensor x = torch::stable::contiguous(input);
  Tensor y = empty_as(x);
  for_each_stretch(x, [&](std::int64_t offset, std::int64_t count) {
    kernels.forward(bytes_of(x) + offset, mutable_bytes_of(y) + offset, count);
  });
  return y;
}

Tensor gelu_backward(const Tensor& grad, const Tensor& input) {
  const auto kernels = gelu_kernels("gelu_backward", input);
  check_like("gelu_backward", "grad", grad, input);
  const Tensor x = torch::stable::contiguous(input);
  const Tensor grad_y = torch::stable::contiguous(grad);
  Tensor grad_x = empty_as(x);
  for_each_stretch(x, [&](std::int64_t offset, std::int64_t count) {
    kernels.backward(bytes_of(x) + offset, bytes_of(grad_y) + offset,
                     mutable_bytes_of(grad_x) + offset, count);
  });
  return grad_x;
}

/// gelu(x), and in the place of grad the gradient of x, in one pass: large tensors are not made
/// twice.
Tensor gelu_both(const Tensor& grad, const Tensor& input) {
  const auto kernels = gelu_kernels("gelu_both_", input);
  check_like("gelu_both_", "grad", grad, input);
  check(grad.is_contiguous(), "gelu_both_: grad must be contiguous");
  const Tensor x = torch::stable::contiguous(input);
  Tensor y = empty_as(x);
  for_each_stretch(x, [&](std::int64_t offset, std::int64_t count) {
    std::byte* const gradient = mutable_bytes_of(grad) + offset;
    kernels.both(bytes_of(x) + offset, gradient, mutable_bytes_of(y) + offset, gradient, count);
  });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def(
      "layer_norm(Tensor x, Tensor weight, Tensor bias, float eps) -> (Tensor, Tensor, Tensor)");
  library.def(
      "layer_norm_backward(Tensor grad, Tensor x, Tensor weight, Tensor bias, Tensor mean, "
      "Tensor inverse_deviation) -> (Tensor, Tensor, Tensor, Tensor)");
  library.def("gelu(Tensor x) -> Tensor");
  library.def("gelu_backward(Tensor grad, Tensor x) -> Tensor");
  library.def("gelu_both_(Tensor(a!) grad, Tensor x) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("layer_norm", TORCH_BOX(&layer_norm));
  library.impl("layer_norm_backward", TORCH_BOX(&layer_norm_backward));
  library.impl("gelu", TORCH_BOX(&gelu));
  library.impl("gelu_backward", TORCH_BOX(&gelu_backward));
  library.impl("gelu_both_", TORCH_BOX(&gelu_both));
}

}  // namespace convmae::stable
