#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace convmae {

/// The boxes that a region proposal network starts from, level by level of its pyramid.
struct AnchorConfig {
  /// Of every level: square roots of areas, in pixels of the image.
  std::vector<std::vector<double>> sizes{{32}, {64}, {128}, {256}, {512}};
  std::vector<double> aspect_ratios{0.5, 1, 2};  ///< height by width, for every size
  std::vector<std::int64_t> strides{4, 8, 16, 32, 64};
  /// Where in its cell an anchor's centre lies, in strides.
  double offset = 0;

  /// At every place of every level.
  std::int64_t anchors_per_cell() const {
    return static_cast<std::int64_t>(sizes.front().size() * aspect_ratios.size());
  }
};

/// Around the origin, size by size, ratio by ratio: [sizes * ratios, 4] float32.
at::Tensor cell_anchors(const std::vector<double>& sizes, const std::vector<double>& aspect_ratios);

/// At every place of a map: [height * width * A, 4] float32 by row, column, anchor of the cell.
at::Tensor grid_anchors(const at::Tensor& cell, Size map, std::int64_t stride, double offset);

/// The anchors of maps of these sizes, one for each level. Throws c10::Error if there are not as
/// many sizes, strides and maps.
std::vector<at::Tensor> make_anchors(const AnchorConfig& config, const std::vector<Size>& maps);

}  // namespace convmae
