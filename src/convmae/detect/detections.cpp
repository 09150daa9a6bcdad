#include "convmae/detect/detections.h"

#include "convmae/detect/boxes.h"
#include "convmae/ops/nms.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace convmae {
namespace {

Detections detections_of_image(const at::Tensor& logits, const at::Tensor& deltas,
                               const at::Tensor& proposals, Size image,
                               const DetectorConfig& config) {
  BoxTransform transform;
  transform.weights = transform_weights(config.roi.bbox_weights);
  const std::int64_t classes = config.num_classes;
  const at::Tensor boxes = transform.decode(deltas, proposals);
  const at::Tensor scores = logits.to(at::kFloat).softmax(1);
  const at::Tensor numbers = boxes.isfinite().all(1).logical_and_(scores.isfinite().all(1));
  // Not the background.
  const at::Tensor chosen = (scores.narrow(1, 0, classes) > config.detection.score_thresh)
                                .logical_and_(numbers.unsqueeze(1))
                                .nonzero();
  const at::Tensor row = chosen.select(1, 0);
  Detections found;
  found.classes = chosen.select(1, 1).contiguous();
  found.scores = scores.index({row, found.classes});
  found.boxes = clip_boxes(boxes.view({-1, classes, 4}).index({row, found.classes}), image);
  found.keep(ops::batched_nms(found.boxes, found.scores, found.classes, config.detection.nms_thresh,
                              config.detection.topk_per_image));
  return found;
}

}  // namespace

void Detections::keep(const at::Tensor& which) {
  boxes = boxes.index_select(0, which);
  scores = scores.index_select(0, which);
  classes = classes.index_select(0, which);
  if (masks.defined()) masks = masks.index_select(0, which);
}

std::vector<Detections> choose_detections(const BoxOutput& output,
                                          std::span<const Proposals> proposals,
                                          std::span<const Size> images,
                                          const DetectorConfig& config) {
  const at::NoGradGuard no_grad;
  std::vector<Detections> detections;
  detections.reserve(images.size());
  const BoxOutput host{output.logits.to(at::kCPU), output.deltas.to(at::kCPU)};
  std::int64_t begin = 0;
  for (std::size_t image = 0; image < images.size(); ++image) {
    const at::Tensor& boxes = proposals[image].boxes;
    detections.push_back(detections_of_image(host.logits.narrow(0, begin, boxes.size(0)),
                                             host.deltas.narrow(0, begin, boxes.size(0)), boxes,
                                             images[image], config));
    begin += boxes.size(0);
  }
  return detections;
}

Detections rescale_detections(const Detections& detections, Size input, Size image,
                              BoxRescaling rescaling) {
  double x = static_cast<double>(image.width) / static_cast<double>(input.width);
  double y = static_cast<double>(image.height) / static_cast<double>(input.height);
  if (rescaling == BoxRescaling::one_factor) x = y = std::max(x, y);
  Detections scaled = detections;
  scaled.boxes =
      clip_boxes(detections.boxes * at::tensor({x, y, x, y}, at::kDouble).to(at::kFloat), image);
  scaled.keep(nonempty_boxes(scaled.boxes).nonzero().squeeze(1));
  return scaled;
}

}  // namespace convmae
