#include "convmae/detect/roi_losses.h"

#include "convmae/detect/box_loss.h"

#include <ATen/ATen.h>

#include <vector>

namespace convmae {

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
  return {
      at::cross_entropy_loss(output.logits.to(at::kFloat), wanted),
      smooth_l1(own, at::cat(target_deltas), smooth_l1_beta).sum() / static_cast<double>(begin)};
}

at::Tensor mask_loss(const at::Tensor& logits, const at::Tensor& classes, const at::Tensor& masks) {
  const at::Tensor own = logits.index({at::arange(logits.size(0), at::kLong), classes});
  return at::binary_cross_entropy_with_logits(own.to(at::kFloat), masks.to(at::kFloat));
}

at::Tensor loss_of_nothing(const torch::nn::Module& module) {
  at::Tensor total = at::zeros({}, at::kFloat);
  for (const at::Tensor& parameter : module.parameters()) {
    total = total + parameter.sum().to(at::kFloat) * 0;
  }
  return total;
}

}  // namespace convmae
