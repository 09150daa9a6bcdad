#include "convmae/model/encoder/vit.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/module_list.h"
#include "convmae/model/encoder/position_embedding.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace convmae {

Vit::Vit(const EncoderConfig& config) : geometry_(geometry_of(config)) {
  const std::int64_t dim = config.embed_dim.at(0);
  const std::int64_t patch = geometry_.block();
  cls_token_ = register_parameter("cls_token", torch::empty({1, 1, dim}));
  pos_embed_ = register_parameter(
      "pos_embed", position_parameter(dim, geometry_.grid(), true, config.use_pos_embed),
      /*requires_grad=*/false);
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
  const std::int64_t rows = visibility.rows();
  const at::Tensor visible =
      take_blocks(pos_embed_.narrow(1, 1, geometry_.num_blocks()), visibility.kept);
  const at::Tensor class_token = pos_embed_.narrow(1, 0, 1).expand({rows, 1, width()});
  return pass(take_blocks(patches, visibility.kept), at::cat({class_token, visible}, 1), drop_path);
}

at::Tensor Vit::forward(const at::Tensor& images, const DropPath& drop_path) {
  return pass(image_to_blocks(images, geometry_.grid(), {geometry_.block()}).flatten(2), pos_embed_,
              drop_path);
}

at::Tensor Vit::pass(const at::Tensor& patches, const at::Tensor& positions,
                     const DropPath& drop_path) {
  TORCH_CHECK(drop_path.empty() || drop_path.size() == blocks_.size(), "drop path has scales for ",
              drop_path.size(), " blocks");
  at::Tensor x = patch_embed_->forward(patches);
  const at::Tensor class_token = cls_token_.to(x.scalar_type()).expand({x.size(0), 1, x.size(2)});
  x = at::cat({class_token, x}, 1) + positions.to(x.scalar_type());
  std::size_t number = 0;
  for (const auto& block : blocks_) x = block->forward(x, {}, scales_of(drop_path, number++));
  return x;
}

}  // namespace convmae
