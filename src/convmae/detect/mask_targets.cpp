#include "convmae/detect/mask_targets.h"

#include "convmae/coco/polygon.h"
#include "convmae/ops/roi_align.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace convmae {

at::Tensor draw_mask_target(std::span<const std::vector<double>> polygons,
                            const std::array<float, 4>& box, std::int64_t side) {
  constexpr float kSmallest = 0.1F;
  at::Tensor target = at::zeros({side, side}, at::kByte);
  if (polygons.empty()) return target;
  const std::array<double, 2> scale{
      static_cast<double>(side) / std::max(box[2] - box[0], kSmallest),
      static_cast<double>(side) / std::max(box[3] - box[1], kSmallest)};
  std::vector<coco::Rle> masks;
  masks.reserve(polygons.size());
  std::vector<double> moved;
  for (const std::vector<double>& polygon : polygons) {
    moved.resize(polygon.size());
    for (std::size_t i = 0; i < polygon.size(); ++i) {
      moved[i] = (polygon[i] - static_cast<double>(box[i % 2])) * scale[i % 2];
    }
    masks.push_back(coco::rle_from_polygon({side, side}, moved));
  }
  const std::vector<std::uint8_t> pixels = coco::rle_pixels(coco::rle_union(masks));
  std::copy(pixels.begin(), pixels.end(), target.mutable_data_ptr<std::uint8_t>());
  return target;
}

at::Tensor crop_masks(const at::Tensor& masks, const at::Tensor& boxes, std::int64_t side) {
  TORCH_CHECK(masks.dim() == 3, "expected masks [N, H, W], found ", masks.sizes());
  return ops::roi_align(masks.unsqueeze(1).to(at::kFloat), boxes,
                        at::arange(boxes.size(0), at::kLong), /*scale=*/1, side,
                        /*sampling_ratio=*/0)
      .squeeze(1);
}

}  // namespace convmae
