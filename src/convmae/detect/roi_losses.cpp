#include "convmae/detect/roi_losses.h"

#include "convmae/detect/box_loss.h"

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
  const at::Tensor wanted = at::cat(classes);
  const at::Tensor rows = at::cat(foreground);
  const at::Tensor own = output.deltas.to(at::kFloat)
                             .view({begin, output.deltas.size(1) / 4, 4})
                             .index({rows, wanted.index_select(0, rows)});
  const at::Tensor logits = output.logits.to(at::kFloat);
  return {begin > 0 ? at::cross_entropy_loss(logits, wanted) : loss_of_nothing(logits),
          smooth_l1(own, at::cat(target_deltas), smooth_l1_beta).sum() /
              static_cast<double>(std::max<std::int64_t>(begin, 1))};
}

at::Tensor mask_loss(const at::Tensor& logits, const at::Tensor& classes, const at::Tensor& masks) {
  const at::Tensor own =
      logits.index({at::arange(logits.size(0), at::kLong), classes}).to(at::kFloat);
  if (own.numel() == 0) return loss_of_nothing(own);
  return at::binary_cross_entropy_with_logits(own, masks.to(at::kFloat));
}

}  // namespace convmae
