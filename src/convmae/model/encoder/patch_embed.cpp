#include "convmae/model/encoder/patch_embed.h"

#include "convmae/ops/mlp.h"

namespace convmae {

PatchEmbed::PatchEmbed(std::int64_t in, std::int64_t out, std::int64_t stride)
    : proj_(register_module(
          "proj", std::make_shared<PatchConv>(in, out, std::vector<std::int64_t>{stride}))),
      norm_(register_module("norm", std::make_shared<LayerNorm>(out, 1e-5))) {}

at::Tensor PatchEmbed::forward(const at::Tensor& x) {
  return ops::gelu(norm_->forward(proj_->forward(x)));
}

}  // namespace convmae
