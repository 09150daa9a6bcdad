#include "convmae/model/encoder/vit.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/module_list.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/encoder/position_resize.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace convmae {

Vit::Vit(const EncoderConfig& config, bool fixed_positions) : geometry_(geometry_of(config)) {
  const std::int64_t dim = config.embed_dim.at(0);
  const std::int64_t patch = geometry_.block();
  cls_token_ = register_parameter("cls_token", torch::empty({1, 1, dim}));
  TORCH_CHECK(config.position != PositionEncoding::relative,
              "a class token has no place in a grid of relative positions");
  if (config.position == PositionEncoding::sincos) {
    pos_embed_ = register_parameter(
        "pos_embed", position_parameter(dim, geometry_.grid(), true, fixed_positions),
        /*requires_grad=*/false);
  }
  patch_embed_ =
      std::make_shared<PatchConv>(config.in_chans, dim, std::vector<std::int64_t>{patch});
  register_module("patch_embed", std::make_shared<torch::nn::Module>())
      ->register_module("proj", patch_embed_);
  blocks_ = register_list(*this, "blocks", config.depth.at(0), [&](std::int64_t) {
    return std::make_shared<TransformerBlock>(
        TransformerBlockConfig{dim, config.num_heads, config.mlp_ratio.at(0), {}});
  });
}

at::Tensor Vit::forward(const at::Tensor& images, const Visibility& visibility,
                        const DropPath& drop_path) {
  const at::Tensor patches =
      image_to_blocks(images, geometry_.grid(), {geometry_.block()}).flatten(2);
  at::Tensor positions;
  if (pos_embed_.defined()) {
    const at::Tensor visible =
        take_blocks(pos_embed_.narrow(1, 1, geometry_.num_blocks()), visibility.kept);
    const at::Tensor class_token =
        pos_embed_.narrow(1, 0, 1).expand({visibility.rows(), 1, width()});
    positions = at::cat({class_token, visible}, 1);
  }
  return pass(take_blocks(patches, visibility.kept), positions, drop_path);
}

at::Tensor Vit::forward(const at::Tensor& images, const DropPath& drop_path) {
  const Size grid = geometry(images).grid();
  const at::Tensor positions =
      pos_embed_.defined() ? resize_positions(pos_embed_, geometry_.grid(), grid, /*leading=*/1)
                           : at::Tensor();
  return pass(image_to_blocks(images, grid, {geometry_.block()}).flatten(2), positions, drop_path);
}

Geometry Vit::geometry(const at::Tensor& images) const {
  return {{images.size(2), images.size(3)}, geometry_.strides()};
}

at::Tensor Vit::pass(const at::Tensor& patches, const at::Tensor& positions,
                     const DropPath& drop_path) {
  TORCH_CHECK(drop_path.empty() || drop_path.size() == blocks_.size(), "drop path has scales for ",
              drop_path.size(), " blocks");
  at::Tensor x = patch_embed_->forward(patches);
  const at::Tensor class_token = cls_token_.to(x.scalar_type()).expand({x.size(0), 1, x.size(2)});
  x = at::cat({class_token, x}, 1);
  if (positions.defined()) x = x + positions.to(x.scalar_type());
  std::size_t number = 0;
  for (const auto& block : blocks_) x = block->forward(x, {}, scales_of(drop_path, number++));
  return x;
}

}  // namespace convmae
