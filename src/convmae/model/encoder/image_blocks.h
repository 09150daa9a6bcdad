#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// Images [B, C, H, W] -> blocks [B, L, b*b, C]: pixels of a block in nested raster order (the
/// sides' product is b), channels last. With one side {b} that is the plain raster of a block, the
/// order of the published `patchify`.
at::Tensor image_to_blocks(const at::Tensor& images, Size grid, at::IntArrayRef nesting);

/// Blocks [B, L, b*b*C] in plain raster order, as the decoder predicts them -> images [B, C, H, W].
at::Tensor blocks_to_image(const at::Tensor& blocks, Size grid, std::int64_t channels);

/// What the decoder is asked to predict: blocks [..., n] as they are, or, normalised, each minus
/// its mean and divided by sqrt(unbiased variance + 1e-6) (MAE, section 4.1, `norm_pix_loss`).
struct BlockStatistics {
  at::Tensor mean;       ///< [..., 1]
  at::Tensor deviation;  ///< [..., 1]
};
BlockStatistics block_statistics(const at::Tensor& blocks);
at::Tensor normalise_blocks(const at::Tensor& blocks);

}  // namespace convmae
