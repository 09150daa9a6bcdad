#include "convmae/model/autoencoder/masked_autoencoder.h"

#include "convmae/model/autoencoder/reconstruction_loss.h"
#include "convmae/model/encoder/feature_maps.h"
#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/initialise.h"
#include "convmae/model/masking/position_mask.h"

#include <ATen/ATen.h>

namespace convmae {

MaskedAutoencoder::MaskedAutoencoder(ModelConfig model_config)
    : PretrainModel(std::move(model_config)),
      encoder_(std::make_shared<Encoder>(config().encoder)),
      decoder_(std::make_shared<Decoder>(config().decoder, config().encoder)) {
  adopt(*this, *encoder_);
  adopt(*this, *decoder_);
}

std::int64_t MaskedAutoencoder::noise_length() const {
  const Geometry& geometry = encoder_->geometry();
  const std::int64_t units = config().masking.unit == MaskUnit::position ? geometry.cells(1) : 1;
  return geometry.num_blocks() * units;
}

void MaskedAutoencoder::initialise(std::uint64_t seed) {
  initialise_parameters(*this, seed, {"patch_embed3.proj.weight"});
}

std::vector<Visibility> MaskedAutoencoder::passes(const at::Tensor& noise) const {
  const Size grid = encoder_->geometry().grid();
  if (config().method == Method::fastconvmae) {
    return sample_complementary(noise, config().masking.groups, grid);
  }
  return {sample_blocks(noise, num_kept(noise.size(1), config().masking.ratio), grid)};
}

at::Tensor MaskedAutoencoder::target(const at::Tensor& images) const {
  const at::Tensor blocks = image_to_blocks(images, encoder_->geometry().grid(), {block()});
  return blocks.flatten(2);
}

std::vector<at::Tensor> MaskedAutoencoder::feature_maps(const at::Tensor& images) {
  return convmae::feature_maps(*encoder_, in_compute_type(images));
}

PretrainOutput MaskedAutoencoder::forward(const at::Tensor& images, const at::Tensor& noise,
                                          Predict predict) {
  TORCH_CHECK(
      noise.dim() == 2 && noise.size(0) == images.size(0) && noise.size(1) == noise_length(),
      "noise must be [", images.size(0), ", ", noise_length(), "], found ", noise.sizes());
  return config().masking.unit == MaskUnit::position ? forward_positions(images, noise)
                                                     : forward_blocks(images, noise, predict);
}

PretrainOutput MaskedAutoencoder::forward_blocks(const at::Tensor& images, const at::Tensor& noise,
                                                 Predict predict) {
  const at::Tensor all_targets = target(images);
  const at::Tensor input = in_compute_type(images);
  ReconstructionLoss loss;
  std::vector<at::Tensor> preds;
  std::vector<at::Tensor> masks;
  for (const Visibility& on_host : passes(noise)) {
    const Visibility visibility = on_host.to(images.device());
    const at::Tensor latent = encoder_->forward(input, visibility);
    const at::Tensor pred =
        decoder_->forward(latent, visibility.slot.flatten(1), wanted(predict, visibility));
    const at::Tensor targets = take_blocks(all_targets, visibility.removed);
    loss.add(predict == Predict::all ? take_blocks(pred, visibility.removed) : pred,
             config().decoder.norm_pix_loss ? normalise_blocks(targets) : targets);
    preds.push_back(pred);
    masks.push_back(visibility.mask());
  }
  return {loss.mean(), predict == Predict::all ? at::cat(preds) : at::Tensor(), at::cat(masks)};
}

PretrainOutput MaskedAutoencoder::forward_positions(const at::Tensor& images,
                                                    const at::Tensor& noise) {
  const Geometry& geometry = encoder_->geometry();
  const PositionMask mask =
      sample_positions(noise, config().masking.ratio, geometry).to(images.device());
  const Visibility all = all_visible(images.size(0), geometry.grid(), images.device());
  const at::Tensor latent = encoder_->forward(in_compute_type(images), all, mask.gate);
  const at::Tensor slot = at::where(mask.gate.tokens, all.slot.flatten(1), -1);
  const at::Tensor pred = decoder_->forward(latent, slot);
  const at::Tensor targets = target(images);
  ReconstructionLoss loss;
  loss.add(pred, config().decoder.norm_pix_loss ? normalise_blocks(targets) : targets,
           mask.removed_numbers(geometry, config().encoder.in_chans),
           mask.count_numbers(geometry, config().encoder.in_chans));
  return {loss.mean(), pred, mask.removed};
}

}  // namespace convmae
