#include "convmae/model/autoencoder/masked_autoencoder.h"
#include "convmae/model/autoencoder/masked_autoencoder_vit.h"
#include "convmae/model/encoder/image_blocks.h"

#include <ATen/ATen.h>

#include "golden/replay/replays.h"

namespace convmae::golden {
namespace {

/// latent [rows, V, D] in ascending block order -> the reference's order, that of the noise: `ids`
/// [rows, V] are the kept blocks by rank.
at::Tensor by_rank(const at::Tensor& latent, const Visibility& visibility, const at::Tensor& ids) {
  const at::Tensor row = visibility.slot.flatten(1).gather(1, ids);
  return latent.gather(1, row.unsqueeze(2).expand_as(latent));
}

/// The latents of the encoder passes; with groups of different sizes one entry a group.
void add_latents(MaskedAutoencoder& model, const at::Tensor& images, const at::Tensor& noise,
                 const at::Tensor& ids_shuffle, Tensors& out) {
  const auto passes = model.passes(noise);
  std::int64_t first_rank = 0;
  std::int64_t group = 0;
  for (const Visibility& on_host : passes) {
    const Visibility visibility = on_host.to(images.device());
    const std::int64_t count = visibility.num_visible();
    const std::int64_t views = visibility.rows() / images.size(0);
    std::vector<at::Tensor> ids;
    for (std::int64_t view = 0; view < views; ++view, first_rank += count) {
      ids.push_back(ids_shuffle.narrow(1, first_rank, count));
    }
    const at::Tensor latent =
        by_rank(model.encoder().forward(images, visibility), visibility, at::cat(ids));
    if (passes.size() == 1) {
      out["out.latent"] = latent;
    } else {
      for (const at::Tensor& one : latent.chunk(views)) {
        out["out.latent." + std::to_string(group++)] = one;
      }
    }
  }
}

void add_latents(MaskedAutoencoderVit& model, const at::Tensor& images, const at::Tensor& noise,
                 const at::Tensor& ids_shuffle, Tensors& out) {
  const Visibility visibility = model.sample(noise).to(images.device());
  const at::Tensor latent = model.encode(images, visibility);
  const std::int64_t count = visibility.num_visible();
  out["out.latent"] =
      at::cat({latent.narrow(1, 0, 1),
               by_rank(latent.narrow(1, 1, count), visibility, ids_shuffle.narrow(1, 0, count))},
              1);
}

/// Loss and gradients as in training, where only the removed blocks are predicted.
void add_training(const GoldenFile& file, bool norm_pix_loss, Tensors& out) {
  const std::string suffix = norm_pix_loss ? "norm" : "raw";
  const auto model = load_pretrain_model(file, norm_pix_loss);
  const at::Tensor loss =
      model->forward(file.at("in.imgs"), file.host("in.noise"), Predict::removed).loss;
  loss.backward();
  out["out.loss_" + suffix] = loss.detach().view({1});
  for (const auto& parameter : model->named_parameters()) {
    if (const at::Tensor& grad = parameter.value().grad(); grad.defined()) {
      out["grad_" + suffix + "." + parameter.key()] = grad;
    }
  }
}

}  // namespace

Replay replay_pretrain(const GoldenFile& file) {
  Replay replay;
  add_training(file, /*norm_pix_loss=*/true, replay.tensors);
  add_training(file, /*norm_pix_loss=*/false, replay.tensors);

  const at::NoGradGuard no_grad;
  const auto model = load_pretrain_model(file, /*norm_pix_loss=*/true);
  const at::Tensor images = file.at("in.imgs");
  const at::Tensor noise = file.host("in.noise");
  const PretrainOutput output = model->forward(images, noise, Predict::all);
  const at::Tensor ids_shuffle = noise.argsort(/*stable=*/true, 1, false);
  replay.tensors["out.pred"] = output.pred;
  replay.tensors["out.mask"] = output.mask;
  replay.tensors["out.ids_restore"] = ids_shuffle.argsort(1, false).to(at::kFloat);
  const std::int64_t block = model->block();
  const Size grid{images.size(2) / block, images.size(3) / block};
  replay.tensors["out.target_norm"] =
      normalise_blocks(image_to_blocks(images, grid, {block}).flatten(2));
  if (const auto vit = std::dynamic_pointer_cast<MaskedAutoencoderVit>(model)) {
    add_latents(*vit, images, noise, ids_shuffle.to(file.device()), replay.tensors);
  } else {
    add_latents(dynamic_cast<MaskedAutoencoder&>(*model), images, noise,
                ids_shuffle.to(file.device()), replay.tensors);
  }
  return replay;
}

}  // namespace convmae::golden
