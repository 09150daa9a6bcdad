#pragma once

#include "convmae/base/geometry.h"
#include "convmae/model/config.h"
#include "convmae/model/encoder/drop_path.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/encoder/transformer_block.h"
#include "convmae/model/masking/visibility.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace convmae {

/// The vision transformer of MAE (arXiv 2111.06377) up to its norm, which a task brings: patches
/// and a class token, with positions, through the blocks.
class Vit : public torch::nn::Module {
 public:
  /// Its positions start as the fixed ones, or else are zeros until somebody sets them.
  explicit Vit(const EncoderConfig& config, bool fixed_positions = true);

  /// images [B, C, H, W] and the visible patches of B rows -> [B, 1 + V, D], the class token first,
  /// patches in ascending order.
  at::Tensor forward(const at::Tensor& images, const Visibility& visibility,
                     const DropPath& drop_path = {});
  /// The same of every patch, in the raster of the image, which may have any size that the patches
  /// divide: on a grid other than its own the table of positions is interpolated
  /// (`resize_positions`).
  at::Tensor forward(const at::Tensor& images, const DropPath& drop_path = {});

  /// Of the configuration's images.
  const Geometry& geometry() const { return geometry_; }
  /// Of these images. Throws UserError if the patches do not divide them.
  Geometry geometry(const at::Tensor& images) const;
  std::int64_t num_blocks() const { return std::ssize(blocks_); }
  std::int64_t width() const { return cls_token_.size(2); }

 private:
  /// patches [B, V, n] and the positions [1 or B, 1 + V, D] of their tokens, if there are any.
  at::Tensor pass(const at::Tensor& patches, const at::Tensor& positions,
                  const DropPath& drop_path);

  Geometry geometry_;
  at::Tensor cls_token_;  ///< [1, 1, D]
  at::Tensor pos_embed_;  ///< [1, 1 + L, D], undefined if there is none
  std::shared_ptr<PatchConv> patch_embed_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
};

}  // namespace convmae
