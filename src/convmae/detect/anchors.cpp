#include "convmae/detect/anchors.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cmath>

namespace convmae {

at::Tensor cell_anchors(const std::vector<double>& sizes,
                        const std::vector<double>& aspect_ratios) {
  std::vector<double> edges;
  edges.reserve(4 * sizes.size() * aspect_ratios.size());
  for (const double size : sizes) {
    for (const double ratio : aspect_ratios) {
      const double width = std::sqrt(size * size / ratio);
      const double height = ratio * width;
      edges.insert(edges.end(), {-width / 2, -height / 2, width / 2, height / 2});
    }
  }
  return at::tensor(edges, at::kDouble).to(at::kFloat).view({-1, 4});
}

at::Tensor grid_anchors(const at::Tensor& cell, Size map, std::int64_t stride, double offset) {
  const auto places = [&](std::int64_t count) {
    return (at::arange(count, at::kFloat) + offset) * static_cast<double>(stride);
  };
  const at::Tensor y = places(map.height).unsqueeze(1).expand({map.height, map.width});
  const at::Tensor x = places(map.width).expand({map.height, map.width});
  return (at::stack({x, y, x, y}, 2).unsqueeze(2) + cell).view({-1, 4});
}

std::vector<at::Tensor> make_anchors(const AnchorConfig& config, const std::vector<Size>& maps) {
  TORCH_CHECK(config.sizes.size() == maps.size() && config.strides.size() == maps.size(),
              "expected sizes and strides of anchors for ", maps.size(), " levels, found ",
              config.sizes.size(), " and ", config.strides.size());
  std::vector<at::Tensor> anchors;
  anchors.reserve(maps.size());
  for (std::size_t level = 0; level < maps.size(); ++level) {
    anchors.push_back(grid_anchors(cell_anchors(config.sizes[level], config.aspect_ratios),
                                   maps[level], config.strides[level], config.offset));
  }
  return anchors;
}

}  // namespace convmae
