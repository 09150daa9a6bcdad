#pragma once

#include "convmae/base/geometry.h"
#include "convmae/model/encoder/encoder.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/encoder/vit.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

namespace convmae {

/// Cells of all blocks in nested raster order, [B, L, P, C] -> a map [B, C, h*s, w*s], where `grid`
/// is h by w and s, the product of `nesting`, a block's side in cells. The channels are last in
/// memory; of one cell a block it is a view. The inverse of image_to_blocks.
at::Tensor blocks_to_map(const at::Tensor& blocks, Size grid, at::IntArrayRef nesting);

/// What the stages make of whole images [B, C, H, W]: maps [B, C_s, H_s, W_s] of stages 1, 2 and 3,
/// at the strides 4, 8 and 16 as published, channels last in memory. Stage 3 is not normalised.
std::vector<at::Tensor> feature_maps(Encoder& encoder, const at::Tensor& images,
                                     const DropPath& drop_path = {},
                                     std::array<bool, 3> recompute = {});

/// What the transformer of MAE makes of the patches of whole images: one map [B, D, h, w], behind
/// `norm` if it is not null.
at::Tensor feature_map(Vit& encoder, const LayerNorm* norm, const at::Tensor& images);

}  // namespace convmae
