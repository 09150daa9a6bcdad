#include "convmae/detect/boxes.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/div.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/log.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>

namespace convmae {
namespace {

using at::Tensor;

void check_boxes(const Tensor& boxes) {
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, "expected boxes [N, 4], found ",
              boxes.sizes());
}

struct CentresAndSides {
  Tensor x, y, width, height;
};

CentresAndSides centres_and_sides(const Tensor& boxes) {
  check_boxes(boxes);
  const auto edges = boxes.unbind(1);
  const Tensor width = edges[2] - edges[0];
  const Tensor height = edges[3] - edges[1];
  return {edges[0] + 0.5 * width, edges[1] + 0.5 * height, width, height};
}

/// How far the intervals [a_low, a_high] and [b_low, b_high] overlap: [N], [M] -> [N, M].
Tensor overlap(const Tensor& a_low, const Tensor& a_high, const Tensor& b_low,
               const Tensor& b_high) {
  return at::minimum(a_high.unsqueeze(1), b_high)
      .sub_(at::maximum(a_low.unsqueeze(1), b_low))
      .clamp_min_(0);
}

}  // namespace

Tensor box_area(const Tensor& boxes) {
  check_boxes(boxes);
  const auto edges = boxes.unbind(1);
  return (edges[2] - edges[0]) * (edges[3] - edges[1]);
}

Tensor clip_boxes(const Tensor& boxes, Size image) {
  check_boxes(boxes);
  const auto edges = boxes.unbind(1);
  return at::stack({edges[0].clamp(0, image.width), edges[1].clamp(0, image.height),
                    edges[2].clamp(0, image.width), edges[3].clamp(0, image.height)},
                   1);
}

Tensor nonempty_boxes(const Tensor& boxes, double threshold) {
  check_boxes(boxes);
  const auto edges = boxes.unbind(1);
  return (edges[2] - edges[0] > threshold).logical_and_(edges[3] - edges[1] > threshold);
}

Tensor pairwise_iou(const Tensor& a, const Tensor& b) {
  const at::NoGradGuard no_grad;
  const Tensor area_a = box_area(a);
  const Tensor area_b = box_area(b);
  const auto edges_a = a.unbind(1);
  const auto edges_b = b.unbind(1);
  const Tensor common = overlap(edges_a[0], edges_a[2], edges_b[0], edges_b[2])
                            .mul_(overlap(edges_a[1], edges_a[3], edges_b[1], edges_b[3]));
  Tensor iou = (area_a.unsqueeze(1) + area_b).sub_(common);
  at::div_out(iou, common, iou);
  return iou.masked_fill_((common > 0).logical_not_(), 0);
}

Tensor BoxTransform::encode(const Tensor& source, const Tensor& target) const {
  const auto [x, y, width, height] = centres_and_sides(source);
  const auto [to_x, to_y, to_width, to_height] = centres_and_sides(target);
  return at::stack(
      {weights[0] * (to_x - x) / width, weights[1] * (to_y - y) / height,
       weights[2] * at::log(to_width / width), weights[3] * at::log(to_height / height)},
      1);
}

Tensor BoxTransform::decode(const Tensor& deltas, const Tensor& boxes) const {
  TORCH_CHECK(deltas.dim() == 2 && deltas.size(0) == boxes.size(0) && deltas.size(1) % 4 == 0,
              "expected differences [", boxes.size(0), ", 4 K], found ", deltas.sizes());
  const auto type = deltas.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto [x, y, width, height] = centres_and_sides(boxes.to(type));
  const auto delta = deltas.to(type).reshape({deltas.size(0), deltas.size(1) / 4, 4}).unbind(2);
  const Tensor to_x = delta[0] / weights[0] * width.unsqueeze(1) + x.unsqueeze(1);
  const Tensor to_y = delta[1] / weights[1] * height.unsqueeze(1) + y.unsqueeze(1);
  const Tensor half_width =
      0.5 * (at::exp((delta[2] / weights[2]).clamp_max(scale_clamp)) * width.unsqueeze(1));
  const Tensor half_height =
      0.5 * (at::exp((delta[3] / weights[3]).clamp_max(scale_clamp)) * height.unsqueeze(1));
  return at::stack({to_x - half_width, to_y - half_height, to_x + half_width, to_y + half_height},
                   2)
      .reshape(deltas.sizes());
}

}  // namespace convmae
