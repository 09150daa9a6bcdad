#include "convmae/detect/proposals.h"

#include "convmae/detect/anchors.h"
#include "convmae/detect/boxes.h"
#include "convmae/ops/nms.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace convmae {
namespace {

/// Of all levels of an image.
struct Candidates {
  at::Tensor boxes;
  at::Tensor logits;
  at::Tensor levels;

  void keep(const at::Tensor& which) {
    boxes = boxes.index_select(0, which);
    logits = logits.index_select(0, which);
    levels = levels.index_select(0, which);
  }
};

Candidates best_of_levels(const AnchorOutput& output, const std::vector<at::Tensor>& anchors,
                          std::int64_t image, const BoxTransform& transform, std::int64_t most) {
  std::vector<at::Tensor> boxes;
  std::vector<at::Tensor> logits;
  std::vector<at::Tensor> levels;
  for (std::size_t level = 0; level < anchors.size(); ++level) {
    // What becomes of boxes is decided in host memory, anchor by anchor.
    const at::Tensor all = logits_by_anchor(output.logits[level][image]).to(at::kCPU);
    const auto [best, places] = all.topk(std::min(all.size(0), most));
    const at::Tensor deltas =
        deltas_by_anchor(output.deltas[level][image]).to(at::kCPU).index_select(0, places);
    boxes.push_back(transform.decode(deltas, anchors[level].index_select(0, places)));
    logits.push_back(best);
    levels.push_back(at::full_like(places, static_cast<std::int64_t>(level)));
  }
  return {at::cat(boxes), at::cat(logits), at::cat(levels)};
}

}  // namespace

std::vector<at::Tensor> anchors_of(const std::vector<at::Tensor>& levels,
                                   const DetectorConfig& config) {
  AnchorConfig anchors;
  anchors.sizes.clear();
  for (const double size : config.proposals.anchor_sizes) anchors.sizes.push_back({size});
  anchors.aspect_ratios = config.proposals.aspect_ratios;
  anchors.strides = level_strides(config);
  anchors.offset = config.proposals.anchor_offset;
  std::vector<Size> maps;
  maps.reserve(levels.size());
  for (const at::Tensor& level : levels) maps.push_back({level.size(-2), level.size(-1)});
  return make_anchors(anchors, maps);
}

std::array<double, 4> transform_weights(const std::vector<double>& weights) {
  return {weights.at(0), weights.at(1), weights.at(2), weights.at(3)};
}

at::Tensor logits_by_anchor(const at::Tensor& logits) {
  return logits.permute({1, 2, 0}).reshape(-1).to(at::kFloat);
}

at::Tensor deltas_by_anchor(const at::Tensor& deltas) {
  return deltas.permute({1, 2, 0}).reshape({-1, 4}).to(at::kFloat);
}

std::vector<Proposals> propose(const AnchorOutput& output, const std::vector<at::Tensor>& anchors,
                               std::span<const Size> images, const ProposalConfig& config,
                               PassMode mode) {
  const at::NoGradGuard no_grad;
  const std::size_t which = mode == PassMode::training ? 0 : 1;
  BoxTransform transform;
  transform.weights = transform_weights(config.bbox_weights);
  std::vector<Proposals> proposals;
  proposals.reserve(images.size());
  for (std::size_t image = 0; image < images.size(); ++image) {
    Candidates candidates = best_of_levels(output, anchors, static_cast<std::int64_t>(image),
                                           transform, config.pre_nms_topk[which]);
    const at::Tensor numbers =
        candidates.boxes.isfinite().all(1).logical_and_(candidates.logits.isfinite());
    candidates.boxes = clip_boxes(candidates.boxes, images[image]);
    candidates.keep(nonempty_boxes(candidates.boxes, config.min_box_size)
                        .logical_and_(numbers)
                        .nonzero()
                        .squeeze(1));
    candidates.keep(ops::batched_nms(candidates.boxes, candidates.logits, candidates.levels,
                                     config.nms_thresh, config.post_nms_topk[which]));
    proposals.push_back({candidates.boxes, candidates.logits});
  }
  return proposals;
}

}  // namespace convmae
