#include "convmae/model/autoencoder/masked_autoencoder_vit.h"

#include "convmae/model/autoencoder/reconstruction_loss.h"
#include "convmae/model/encoder/feature_maps.h"
#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/module_list.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/initialise.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace convmae {

MaskedAutoencoderVit::MaskedAutoencoderVit(ModelConfig model_config)
    : PretrainModel(std::move(model_config)),
      grid_(Geometry(config().img_size, {config().patch_size.at(0), 1, 1}).grid()) {
  const std::int64_t dim = config().embed_dim[0];
  cls_token_ = register_parameter("cls_token", torch::empty({1, 1, dim}));
  pos_embed_ =
      register_parameter("pos_embed", position_parameter(dim, grid_, true, config().use_pos_embed),
                         /*requires_grad=*/false);
  patch_embed_ =
      std::make_shared<PatchConv>(config().in_chans, dim, std::vector<std::int64_t>{block()});
  register_module("patch_embed", std::make_shared<torch::nn::Module>())
      ->register_module("proj", patch_embed_);
  blocks_ = register_list(*this, "blocks", config().depth[0], [&](std::int64_t) {
    return std::make_shared<TransformerBlock>(
        TransformerBlockConfig{dim, config().num_heads, config().mlp_ratio[0], 1e-6});
  });
  norm_ = register_module("norm", std::make_shared<LayerNorm>(dim, 1e-6));
  decoder_ = std::make_shared<Decoder>(config(), grid_, block());
  adopt(*this, *decoder_);
}

void MaskedAutoencoderVit::initialise(std::uint64_t seed) {
  initialise_parameters(*this, seed, {"patch_embed.proj.weight"});
}

Visibility MaskedAutoencoderVit::sample(const at::Tensor& noise) const {
  return sample_blocks(noise, num_kept(noise.size(1), config().mask_ratio), grid_);
}

at::Tensor MaskedAutoencoderVit::encode(const at::Tensor& images, const Visibility& visibility) {
  const at::Tensor patches = image_to_blocks(images, grid_, {block()}).flatten(2);
  const at::Tensor positions = pos_embed_.narrow(1, 1, noise_length()).to(images.scalar_type());
  at::Tensor x = patch_embed_->forward(take_blocks(patches, visibility.kept)) +
                 take_blocks(positions, visibility.kept);
  const at::Tensor class_token = (cls_token_ + pos_embed_.narrow(1, 0, 1)).to(x.scalar_type());
  x = at::cat({class_token.expand({x.size(0), 1, x.size(2)}), x}, 1);
  for (const auto& block : blocks_) x = block->forward(x);
  return norm_->forward(x);
}

std::vector<at::Tensor> MaskedAutoencoderVit::feature_maps(const at::Tensor& images) {
  const at::Tensor tokens =
      encode(in_compute_type(images), all_visible(images.size(0), grid_, images.device()));
  return {blocks_to_map(tokens.narrow(1, 1, noise_length()).unsqueeze(2), grid_, {})};
}

PretrainOutput MaskedAutoencoderVit::forward(const at::Tensor& images, const at::Tensor& noise,
                                             Predict predict) {
  const Visibility visibility = sample(noise);
  const at::Tensor removed = visibility.removed();
  const at::Tensor pred = decoder_->forward(encode(in_compute_type(images), visibility),
                                            visibility.slot.flatten(1), predict);
  const at::Tensor targets =
      take_blocks(image_to_blocks(images, grid_, {block()}).flatten(2), removed);
  ReconstructionLoss loss;
  loss.add(predict == Predict::all ? take_blocks(pred, removed) : pred,
           config().norm_pix_loss ? normalise_blocks(targets) : targets);
  return {loss.mean(), predict == Predict::all ? pred : at::Tensor(), visibility.mask()};
}

}  // namespace convmae
