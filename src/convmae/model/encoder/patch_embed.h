#pragma once

#include "convmae/model/encoder/layers.h"

#include <cstdint>
#include <memory>

namespace convmae {

/// Convolution with kernel = stride, LayerNorm over channels (eps 1e-5), GELU: [...,
/// stride*stride*in] (cells of one patch in raster order, channels last) -> [..., out]. The kernel
/// never crosses a block, so a visible block is embedded from its own pixels alone.
class PatchEmbed : public torch::nn::Module {
 public:
  PatchEmbed(std::int64_t in, std::int64_t out, std::int64_t stride);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::shared_ptr<PatchConv> proj_;
  std::shared_ptr<LayerNorm> norm_;
};

}  // namespace convmae
