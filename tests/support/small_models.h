#pragma once

#include "convmae/model/autoencoder/pretrain_model.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace convmae {

/// A ConvMAE small enough for tests; 3 stages, everything that the large ones have.
inline ModelConfig small_config() {
  ModelConfig config;
  config.encoder.img_size = {48, 64};
  config.encoder.embed_dim = {6, 10, 16};
  config.encoder.depth = {2, 1, 2};
  config.encoder.mlp_ratio = {2, 3, 2};
  config.encoder.num_heads = 4;
  config.decoder.embed_dim = 12;
  config.decoder.depth = 2;
  config.decoder.num_heads = 3;
  config.masking.ratio = 0.7;
  return config;
}

inline ModelConfig small_vit_config() {
  ModelConfig config = small_config();
  config.method = Method::mae;
  config.encoder.kind = EncoderKind::vit;
  config.encoder.patch_size = {16};
  config.encoder.embed_dim = {16};
  config.encoder.depth = {2};
  config.encoder.mlp_ratio = {3};
  config.encoder.kernel_size = {};
  return config;
}

/// The model in float64 with every parameter random and none trivial, so that a forgotten one
/// shows.
inline std::shared_ptr<PretrainModel> make_random_model(const ModelConfig& config, uint64_t seed) {
  auto model = make_pretrain_model(config);
  model->to(torch::kDouble);
  torch::manual_seed(seed);
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : model->named_parameters()) {
    if (!parameter.value().requires_grad()) continue;
    const double fan_in = static_cast<double>(
        std::max<int64_t>(1, parameter.value().numel() / parameter.value().size(0)));
    const bool is_norm_weight = parameter.value().dim() == 1 && parameter.key().ends_with("weight");
    parameter.value().normal_(is_norm_weight ? 1 : 0,
                              parameter.value().dim() == 1 ? 0.3 : 1 / std::sqrt(fan_in));
  }
  return model;
}

inline at::Tensor random_images(const EncoderConfig& config, int64_t batch) {
  return torch::randn({batch, config.in_chans, config.img_size.height, config.img_size.width},
                      torch::kDouble);
}
inline at::Tensor random_images(const ModelConfig& config, int64_t batch) {
  return random_images(config.encoder, batch);
}

}  // namespace convmae
