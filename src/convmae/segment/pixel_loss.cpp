#include "convmae/segment/pixel_loss.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/ops/once_differentiable.h"
#include "convmae/segment/bilinear_rows.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace convmae {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The labels of some pixels, as the loss needs them.
struct PixelTargets {
  at::Tensor classes;  ///< int64, 0 where ignored
  at::Tensor weights;  ///< 0 where ignored
};

PixelTargets targets_of(const at::Tensor& labels, const PixelLossOptions& options,
                        const at::TensorOptions& kind) {
  const at::Tensor valid = labels != options.ignored;
  PixelTargets targets{(labels * valid).to(at::kLong), valid.to(kind)};
  if (options.class_weights) {
    targets.weights = targets.weights * options.class_weights->to(kind).index({targets.classes});
  }
  return targets;
}

void check_labels(const at::Tensor& labels, std::int64_t classes, std::int64_t ignored) {
  if (!labels.is_cpu() || labels.numel() == 0) return;
  const at::Tensor wrong =
      (labels != ignored).logical_and((labels < 0).logical_or(labels.to(at::kLong) >= classes));
  TORCH_CHECK(!wrong.any().item<bool>(), "a label is outside 0..", classes - 1);
}

/// The sum of all weights, by which the sum of losses is divided; [] float64.
at::Tensor divisor_of(const at::Tensor& labels, const PixelLossOptions& options) {
  const at::TensorOptions kind = labels.options().dtype(at::kDouble);
  if (options.average == LossAverage::all) {
    return at::full({}, static_cast<double>(std::max<std::int64_t>(labels.numel(), 1)), kind);
  }
  at::Tensor sum = at::zeros({}, kind);
  for (const at::Tensor& map : labels.unbind()) {
    sum += targets_of(map, options, kind.dtype(at::kFloat)).weights.sum(at::kDouble);
  }
  // Nothing divided by nothing is nothing here.
  return at::where(sum > 0, sum, at::ones_like(sum));
}

/// The loss and, if `grad` is a tensor of the size of the logits, its gradient.
at::Tensor computed_loss(const at::Tensor& logits, const at::Tensor& labels,
                         const PixelLossOptions& options, const std::optional<at::Tensor>& grad) {
  const std::int64_t height = labels.size(1);
  const std::int64_t width = labels.size(2);
  const std::int64_t strip = strip_rows(logits.size(1) * width);
  const at::Tensor divisor = divisor_of(labels, options);
  at::Tensor sum = at::zeros_like(divisor);
  for (std::int64_t image = 0; image < logits.size(0); ++image) {
    for (std::int64_t first = 0; first < height; first += strip) {
      const std::int64_t rows = std::min(strip, height - first);
      const RowWeights weights = row_weights(logits.size(2), height, first, rows);
      const std::int64_t sources = weights.weights.size(1);
      const at::Tensor source = logits[image].narrow(1, weights.first_source, sources);
      const PixelTargets targets =
          targets_of(labels[image].narrow(0, first, rows), options, source.options());
      const at::Tensor log_shares = at::log_softmax(resized_rows(source, weights, width), 0);
      const at::Tensor classes = targets.classes.unsqueeze(0);
      const at::Tensor own = log_shares.gather(0, classes).squeeze(0);
      sum -= (own * targets.weights).sum(at::kDouble);
      if (!grad) continue;
      const at::Tensor scales = targets.weights / divisor.to(source.scalar_type());
      const at::Tensor pixels =
          log_shares.exp().mul_(scales).scatter_add_(0, classes, scales.neg().unsqueeze(0));
      (*grad)[image]
          .narrow(1, weights.first_source, sources)
          .add_(resized_rows_backward(pixels, weights, logits.size(3)));
    }
  }
  return (sum / divisor).to(logits.scalar_type());
}

struct PixelLossFunction : torch::autograd::Function<PixelLossFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits,
                            const at::Tensor& labels, const PixelLossOptions& options,
                            bool needs_grad) {
    std::optional<at::Tensor> grad;
    if (needs_grad) grad = at::zeros_like(logits);
    at::Tensor loss = computed_loss(logits, labels, options, grad);
    if (grad) context->save_for_backward({*grad});
    return loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    ops::refuse_second_derivative("pixel_loss");
    return {context->get_saved_variables()[0] * grads[0], {}, {}, {}};
  }
};

}  // namespace

LossAverage parse_loss_average(const std::string& name) {
  if (name == "all") return LossAverage::all;
  if (name == "valid") return LossAverage::valid;
  throw UserError("--loss_average must be all or valid, found " + quote(name));
}

at::Tensor pixel_loss(const at::Tensor& logits, const at::Tensor& labels,
                      const PixelLossOptions& options) {
  TORCH_CHECK(logits.dim() == 4 && labels.dim() == 3 && logits.size(0) == labels.size(0),
              "logits [B, K, h, w] and labels [B, H, W] are needed, found ", logits.sizes(),
              " and ", labels.sizes());
  TORCH_CHECK(!options.class_weights || options.class_weights->numel() == logits.size(1),
              "a weight for each of ", logits.size(1), " classes is needed");
  check_labels(labels, logits.size(1), options.ignored);
  const bool wide = logits.scalar_type() == at::kDouble;
  const at::Tensor numbers = logits.to(wide ? at::kDouble : at::kFloat);
  const bool needs_grad = at::GradMode::is_enabled() && numbers.requires_grad();
  return PixelLossFunction::apply(numbers, labels, options, needs_grad);
}

}  // namespace convmae
