#include "convmae/detect/roi_targets.h"

#include "convmae/detect/boxes.h"
#include "convmae/detect/mask_targets.h"
#include "convmae/detect/proposals.h"

#include <ATen/ATen.h>

#include <variant>
#include <vector>

namespace convmae {
namespace {

/// Masks of an image's objects on grids over boxes.
class MaskDrawer {
 public:
  MaskDrawer(const ObjectTargets& objects, Size image, std::int64_t side)
      : objects_(objects), image_(image), side_(side) {}

  bool has(std::int64_t object) const {
    return !objects_.masks.empty() && !std::holds_alternative<std::monostate>(mask_of(object));
  }

  /// [side, side] uint8; `box` [4].
  at::Tensor draw(std::int64_t object, const at::Tensor& box) {
    const ObjectMask& mask = mask_of(object);
    if (const auto* const polygons = std::get_if<std::vector<Polygon>>(&mask)) {
      const auto* const edges = box.const_data_ptr<float>();
      return draw_mask_target(*polygons, {edges[0], edges[1], edges[2], edges[3]}, side_);
    }
    constexpr double kShare = 0.5;
    return crop_masks(pixels_of(object), box.unsqueeze(0), side_)
        .squeeze(0)
        .ge(kShare)
        .to(at::kByte);
  }

 private:
  const ObjectMask& mask_of(std::int64_t object) const {
    return objects_.masks.at(static_cast<std::size_t>(object));
  }

  /// [1, height, width] float32. The last one is kept: boxes of one object may follow each other.
  const at::Tensor& pixels_of(std::int64_t object) {
    if (object != drawn_) {
      std::vector<std::uint8_t> bytes = draw_mask(mask_of(object), image_);
      pixels_ =
          at::from_blob(bytes.data(), {1, image_.height, image_.width}, at::kByte).to(at::kFloat);
      drawn_ = object;
    }
    return pixels_;
  }

  const ObjectTargets& objects_;
  Size image_;
  std::int64_t side_;
  std::int64_t drawn_ = -1;
  at::Tensor pixels_;
};

}  // namespace

RoiTargets roi_targets(const at::Tensor& proposals, const ObjectTargets& objects,
                       const DetectorConfig& config, const SubsetDraw& draw) {
  const at::NoGradGuard no_grad;
  const RoiConfig& roi = config.roi;
  RoiTargets targets;
  const at::Tensor boxes = at::cat({proposals, objects.boxes});
  targets.matches =
      match_boxes(pairwise_iou(objects.boxes, boxes),
                  {.thresholds = {roi.threshold}, .labels = {0, 1}, .allow_low_quality = false});
  at::Tensor classes = at::full_like(targets.matches.label, config.num_classes);
  if (objects.boxes.size(0) > 0) {
    classes = at::where(targets.matches.label == 1,
                        objects.classes.index_select(0, targets.matches.truth), classes);
  }
  const LabelSubsample chosen = subsample_labels(classes, /*background=*/config.num_classes,
                                                 {roi.batch, roi.positive_fraction}, draw);
  targets.sampled = at::cat({chosen.positive, chosen.negative});
  targets.boxes = boxes.index_select(0, targets.sampled);
  targets.classes = classes.index_select(0, targets.sampled);
  targets.objects = targets.matches.truth.index_select(0, targets.sampled);
  targets.foreground = at::arange(chosen.positive.size(0), at::kLong);
  BoxTransform transform;
  transform.weights = transform_weights(roi.bbox_weights);
  targets.target_deltas = transform.encode(
      targets.boxes.index_select(0, targets.foreground),
      objects.boxes.index_select(0, targets.objects.index_select(0, targets.foreground)));
  return targets;
}

MaskTargets mask_targets(const RoiTargets& targets, const ObjectTargets& objects, Size image,
                         std::int64_t side) {
  MaskDrawer drawer(objects, image, side);
  std::vector<std::int64_t> rows;
  std::vector<at::Tensor> masks;
  const at::Tensor boxes = targets.boxes.contiguous();
  for (std::int64_t row = 0; row < targets.foreground.size(0); ++row) {
    const auto object = targets.objects[row].item<std::int64_t>();
    if (!drawer.has(object)) continue;
    rows.push_back(row);
    masks.push_back(drawer.draw(object, boxes[row]));
  }
  return {at::tensor(rows, at::kLong),
          masks.empty() ? at::zeros({0, side, side}, at::kByte) : at::stack(masks)};
}

}  // namespace convmae
