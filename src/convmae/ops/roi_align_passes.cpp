#include "convmae/ops/roi_align_passes.h"

#include "convmae/ops/kernels/dispatch.h"

#include <cmath>
#include <vector>

namespace convmae::ops::roi {
namespace {

using at::Tensor;

void check(at::IntArrayRef map, const Tensor& boxes, const Tensor& images, const RoiGrid& grid) {
  TORCH_CHECK(
      grid.height > 0 && grid.width > 0 && grid.sampling_ratio >= 0 && std::isfinite(grid.scale),
      "roi_align: expected cells, a sampling ratio of 0 or more and a finite scale, found ",
      grid.height, "x", grid.width, ", ", grid.sampling_ratio, " and ", grid.scale);
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, "roi_align: boxes must be [R, 4], found ",
              boxes.sizes());
  TORCH_CHECK(
      images.dim() == 1 && images.size(0) == boxes.size(0) && images.scalar_type() == at::kLong,
      "roi_align: images must be [", boxes.size(0), "] int64, found ", images.sizes(), " ",
      images.scalar_type());
  TORCH_CHECK(map.size() == 4, "roi_align: the map must be [N, C, H, W], found ", map);
  TORCH_CHECK(boxes.size(0) == 0 || (map[2] > 0 && map[3] > 0),
              "roi_align: expected a map with pixels, found ", map);
}

void check_type(const Tensor& x) {
  TORCH_CHECK(has_element(x), "roi_align: float32, float64 or bfloat16 expected, found ",
              x.scalar_type());
}

}  // namespace

void check_forward(const Tensor& map, const Tensor& boxes, const Tensor& images,
                   const RoiGrid& grid) {
  check(map.sizes(), boxes, images, grid);
  check_type(map);
}

void check_backward(const Tensor& grad, const Tensor& boxes, const Tensor& images,
                    at::IntArrayRef map, const RoiGrid& grid) {
  check(map, boxes, images, grid);
  check_type(grad);
  const std::vector<int64_t> expected{boxes.size(0), map[1], grid.height, grid.width};
  TORCH_CHECK(grad.sizes() == expected, "roi_align_backward: grad must be ", expected, ", found ",
              grad.sizes());
}

Tensor channels_last(const Tensor& map) {
  return map.permute({0, 2, 3, 1}).to(accumulation_type(map)).contiguous();
}

Tensor channels_first(const Tensor& map, at::ScalarType type) {
  return map.to(type).permute({0, 3, 1, 2});
}

}  // namespace convmae::ops::roi
