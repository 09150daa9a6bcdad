#include "convmae/detect/roi_losses.h"

#include "convmae/detect/box_loss.h"
#include "convmae/ops/device.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

namespace convmae {
namespace {

/// 0, where a mean would be no number. Everything behind it has a gradient of zeros.
at::Tensor loss_of_nothing(const at::Tensor& nothing) { return nothing.sum(); }

}  // namespace

BoxLosses box_losses(const BoxOutput& output, std::span<const RoiTargets> targets,
                     double smooth_l1_beta) {
  std::vector<at::Tensor> classes;
  std::vector<at::Tensor> foreground;
  std::vector<at::Tensor> target_deltas;
  std::int64_t begin = 0;
  for (const RoiTargets& image : targets) {
    classes.push_back(image.classes);
    foreground.push_back(image.foreground + begin);
    target_deltas.push_back(image.target_deltas);
    begin += image.classes.size(0);
  }
  const at::Tensor rows_on_host = at::cat(foreground);
  const at::Tensor classes_on_host = at::cat(classes);
  const auto send = [&](const at::Tensor& host) { return sent_to(output.logits.device(), host); };
  const at::Tensor wanted = send(classes_on_host);
  const at::Tensor own =
      output.deltas.to(at::kFloat)
          .view({begin, output.deltas.size(1) / 4, 4})
          .index({send(rows_on_host), send(classes_on_host.index_select(0, rows_on_host))});
  const at::Tensor logits = output.logits.to(at::kFloat);
  return {begin > 0 ? at::cross_entropy_loss(logits, wanted) : loss_of_nothing(logits),
          smooth_l1(own, send(at::cat(target_deltas)), smooth_l1_beta).sum() /
              static_cast<double>(std::max<std::int64_t>(begin, 1))};
}

at::Tensor masks_of_classes(const at::Tensor& logits, const at::Tensor& classes) {
  const at::Tensor rows = at::arange(logits.size(0), logits.options().dtype(at::kLong));
  return logits.index({rows, sent_to(logits.device(), classes)}).to(at::kFloat);
}

at::Tensor mask_loss(const at::Tensor& logits, const at::Tensor& classes, const at::Tensor& masks) {
  const at::Tensor own = masks_of_classes(logits, classes);
  if (own.numel() == 0) return loss_of_nothing(own);
  return at::binary_cross_entropy_with_logits(own, sent_to(own.device(), masks).to(at::kFloat));
}

}  // namespace convmae
