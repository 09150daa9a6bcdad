#include "convmae/model/dense/shared_batch_norm.h"

#include "convmae/dist/process_group.h"
#include "convmae/ops/once_differentiable.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <tuple>
#include <vector>

namespace convmae {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The sums over all processes, in float64, on the device of the values.
at::Tensor summed(const at::Tensor& values, ProcessGroup& group) {
  const at::Tensor sums = values.to(at::kCPU, at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  group.sum_within_pass(sums);
  return sums.to(values.device());
}

/// [C] as it meets x [B, C, ...].
at::Tensor by_channel(const at::Tensor& values, const at::Tensor& x) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[1] = values.size(0);
  return values.view(shape);
}

/// None for an undefined one, which autograd does not take for a variable that is not there.
std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

/// What a backward pass needs beside tensors.
struct SharedBatch : torch::CustomClassHolder {
  SharedBatch(double numbers, double norm_eps, ProcessGroup& processes)
      : count(numbers), eps(norm_eps), group(processes) {}
  double count;
  double eps;
  ProcessGroup& group;
};

struct NormalisePart : torch::autograd::Function<NormalisePart> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const std::optional<at::Tensor>& weight,
                            const std::optional<at::Tensor>& bias,
                            const SharedStatistics& statistics, double eps, ProcessGroup* group) {
    const auto& [count, mean, var] = statistics;
    context->save_for_backward({x, weight.value_or(at::Tensor()), mean, var});
    context->saved_data["batch"] =
        at::IValue::make_capsule(c10::make_intrusive<SharedBatch>(count, eps, *group));
    return at::batch_norm(x, weight, bias, mean, var, /*training=*/false, /*momentum=*/0, eps,
                          /*cudnn_enabled=*/false);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    ops::refuse_second_derivative("normalise_part");
    const auto capsule = context->saved_data["batch"].toCapsule();
    const auto& batch = static_cast<const SharedBatch&>(*capsule);
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor& mean = saved[2];
    const at::Tensor& var = saved[3];
    // As if nothing moved the statistics.
    at::Tensor grad_x = at::zeros_like(x);
    at::Tensor grad_weight = at::zeros_like(mean);
    at::Tensor grad_bias = at::zeros_like(mean);
    if (x.numel() > 0) {
      std::tie(grad_x, grad_weight, grad_bias) = at::native_batch_norm_backward(
          grads[0], x, if_defined(weight), mean, var, /*save_mean=*/{}, /*save_invstd=*/{},
          /*train=*/false, batch.eps, {true, true, true});
    }
    if (context->needs_input_grad(0)) {
      // With r = 1 / sqrt(var + eps), n = (x - mean) * r, and means over the whole batch, x has
      // weight * r * (n * mean(grad * n) + mean(grad)) less.
      const at::Tensor means =
          summed(at::stack({grad_weight, grad_bias}), batch.group) / batch.count;
      const at::Tensor root = (var.to(at::kDouble) + batch.eps).rsqrt();
      const at::Tensor scale = weight.defined() ? root * weight : root;
      const auto factor = [&](const at::Tensor& values) {
        return by_channel(values.to(mean.scalar_type()), x);
      };
      grad_x = grad_x.to(mean.scalar_type())
                   .addcmul_(x - by_channel(mean, x), factor(scale * root * means[0]), -1)
                   .sub_(factor(scale * means[1]))
                   .to(x.scalar_type());
    }
    if (!weight.defined()) grad_weight = grad_bias = at::Tensor();
    return {grad_x, grad_weight, grad_bias, {}, {}, {}};
  }
};

}  // namespace

SharedStatistics shared_statistics(const at::Tensor& x, const at::Tensor& like,
                                   ProcessGroup& group) {
  const at::NoGradGuard no_grad;
  const std::int64_t channels = x.size(1);
  const std::int64_t own = x.numel() / channels;
  const at::TensorOptions exact = like.options().dtype(at::kDouble);
  // Count, sum and sum of squares: what can be added up.
  at::Tensor sums = at::zeros({1 + 2 * channels}, exact);
  if (own > 0) {
    // The running statistics that it would move say in which type it computes.
    auto [mean, var] = at::batch_norm_update_stats(x, at::zeros_like(like), at::zeros_like(like),
                                                   /*momentum=*/0);
    mean = mean.to(at::kDouble);
    sums = at::cat({at::ones({1}, exact), mean, mean.square() + var}) * own;
  }
  const std::vector<at::Tensor> parts =
      summed(sums, group).split_with_sizes({1, channels, channels});
  SharedStatistics shared;
  shared.count = parts[0].item<double>();
  if (shared.count == 0) return shared;
  const at::Tensor mean = parts[1] / shared.count;
  shared.mean = mean.to(like.scalar_type());
  shared.var = (parts[2] / shared.count - mean.square()).clamp_min(0).to(like.scalar_type());
  return shared;
}

at::Tensor normalise_part(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          const SharedStatistics& statistics, double eps, ProcessGroup& group) {
  return NormalisePart::apply(x, if_defined(weight), if_defined(bias), statistics, eps, &group);
}

}  // namespace convmae
