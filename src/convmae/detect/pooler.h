#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace convmae {

/// How boxes are read from the maps of a pyramid (Lin et al., Feature Pyramid Networks, arXiv
/// 1612.03144, equation 1).
struct PoolerConfig {
  std::int64_t output_size = 7;
  std::int64_t sampling_ratio = 0;  ///< as in ops::RoiGrid
  /// Maps of level l have one pixel for 2^l of the image; the first has `min_level`.
  std::int64_t min_level = 2;
  std::int64_t max_level = 5;
  /// A box with the area of a square of this side is read at `canonical_level`.
  double canonical_size = 224;
  std::int64_t canonical_level = 4;
};

/// boxes [R, 4] -> [R] int64: which of the maps each is read from, 0 for min_level.
at::Tensor assign_levels(const at::Tensor& boxes, const PoolerConfig& config);

/// maps: [N, C, H_l, W_l] from min_level to max_level; boxes [R, 4] in pixels of the image and
/// images [R] int64, in host memory -> [R, C, output_size, output_size], channels last in memory,
/// in the order of the boxes. Errors and gradients as those of ops::roi_align.
at::Tensor pool_boxes(const std::vector<at::Tensor>& maps, const at::Tensor& boxes,
                      const at::Tensor& images, const PoolerConfig& config);

}  // namespace convmae
