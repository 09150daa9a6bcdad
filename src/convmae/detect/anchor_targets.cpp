#include "convmae/detect/anchor_targets.h"

#include "convmae/detect/box_loss.h"
#include "convmae/detect/boxes.h"
#include "convmae/ops/device.h"

#include <ATen/ATen.h>

#include <tuple>

namespace convmae {

ObjectTargets no_objects() {
  return {at::zeros({0, 4}, at::kFloat), at::zeros({0}, at::kLong), {}};
}

AnchorTargets anchor_targets(const at::Tensor& anchors, const ObjectTargets& objects,
                             const ProposalConfig& config, const SubsetDraw& draw) {
  const at::NoGradGuard no_grad;
  AnchorTargets targets;
  targets.matches = match_boxes(
      pairwise_iou(objects.boxes, anchors),
      {.thresholds = config.thresholds, .labels = {0, -1, 1}, .allow_low_quality = true});
  targets.sampled = subsample_labels(targets.matches.label, /*background=*/0,
                                     {config.batch, config.positive_fraction}, draw);
  at::Tensor& positive = targets.sampled.positive;
  positive = std::get<0>(positive.sort());
  BoxTransform transform;
  transform.weights = transform_weights(config.bbox_weights);
  targets.target_deltas = transform.encode(
      anchors.index_select(0, positive),
      objects.boxes.index_select(0, targets.matches.truth.index_select(0, positive)));
  return targets;
}

ProposalLosses proposal_losses(const AnchorOutput& output, std::span<const AnchorTargets> targets,
                               const ProposalConfig& config, double smooth_l1_beta) {
  std::vector<at::Tensor> logits;
  std::vector<at::Tensor> wanted;
  std::vector<at::Tensor> deltas;
  std::vector<at::Tensor> wanted_deltas;
  for (std::size_t image = 0; image < targets.size(); ++image) {
    std::vector<at::Tensor> level_logits;
    std::vector<at::Tensor> level_deltas;
    for (std::size_t level = 0; level < output.logits.size(); ++level) {
      const auto number = static_cast<std::int64_t>(image);
      level_logits.push_back(logits_by_anchor(output.logits[level][number]));
      level_deltas.push_back(deltas_by_anchor(output.deltas[level][number]));
    }
    const auto& [positive, negative] = targets[image].sampled;
    const auto send = [&](const at::Tensor& host) {
      return sent_to(level_logits.front().device(), host);
    };
    logits.push_back(at::cat(level_logits).index_select(0, send(at::cat({positive, negative}))));
    wanted.push_back(send(at::cat({at::ones(positive.sizes()), at::zeros(negative.sizes())})));
    deltas.push_back(at::cat(level_deltas).index_select(0, send(positive)));
    wanted_deltas.push_back(send(targets[image].target_deltas));
  }
  const auto possible = static_cast<double>(config.batch) * static_cast<double>(targets.size());
  return {at::binary_cross_entropy_with_logits(at::cat(logits), at::cat(wanted), {}, {},
                                               at::Reduction::Sum) /
              possible,
          smooth_l1(at::cat(deltas), at::cat(wanted_deltas), smooth_l1_beta).sum() / possible};
}

}  // namespace convmae
