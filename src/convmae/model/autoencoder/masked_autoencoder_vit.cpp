#include "convmae/model/autoencoder/masked_autoencoder_vit.h"

#include "convmae/model/autoencoder/reconstruction_loss.h"
#include "convmae/model/encoder/feature_maps.h"
#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/initialise.h"

#include <ATen/ATen.h>

namespace convmae {

MaskedAutoencoderVit::MaskedAutoencoderVit(ModelConfig model_config)
    : PretrainModel(std::move(model_config)),
      encoder_(std::make_shared<Vit>(config().encoder)),
      norm_(std::make_shared<LayerNorm>(encoder_->width(), 1e-6)),
      decoder_(std::make_shared<Decoder>(config().decoder, config().encoder)) {
  adopt(*this, *encoder_);
  register_module("norm", norm_);
  adopt(*this, *decoder_);
}

void MaskedAutoencoderVit::initialise(std::uint64_t seed) {
  initialise_parameters(*this, seed, {"patch_embed.proj.weight"});
}

Visibility MaskedAutoencoderVit::sample(const at::Tensor& noise) const {
  return sample_blocks(noise, num_kept(noise.size(1), config().masking.ratio),
                       encoder_->geometry().grid());
}

at::Tensor MaskedAutoencoderVit::encode(const at::Tensor& images, const Visibility& visibility) {
  return norm_->forward(encoder_->forward(images, visibility));
}

std::vector<at::Tensor> MaskedAutoencoderVit::feature_maps(const at::Tensor& images) {
  return {feature_map(*encoder_, norm_.get(), in_compute_type(images))};
}

PretrainOutput MaskedAutoencoderVit::forward(const at::Tensor& images, const at::Tensor& noise,
                                             Predict predict) {
  const Visibility visibility = sample(noise).to(images.device());
  const at::Tensor& removed = visibility.removed;
  const at::Tensor pred =
      decoder_->forward(encode(in_compute_type(images), visibility), visibility.slot.flatten(1),
                        wanted(predict, visibility));
  const at::Tensor blocks = image_to_blocks(images, encoder_->geometry().grid(), {block()});
  const at::Tensor targets = take_blocks(blocks.flatten(2), removed);
  ReconstructionLoss loss;
  loss.add(predict == Predict::all ? take_blocks(pred, removed) : pred,
           config().decoder.norm_pix_loss ? normalise_blocks(targets) : targets);
  return {loss.mean(), predict == Predict::all ? pred : at::Tensor(), visibility.mask()};
}

}  // namespace convmae
