#pragma once

#include "convmae/segment/segmentor.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdint>
#include <memory>

namespace convmae {

/// A segmentor small enough for tests, with every part that the published one has.
inline SegmentorConfig small_segmentor_config() {
  SegmentorConfig config;
  config.encoder.img_size = {48, 64};
  config.encoder.embed_dim = {6, 10, 16};
  config.encoder.depth = {1, 1, 2};
  config.encoder.mlp_ratio = {2, 2, 2};
  config.encoder.num_heads = 4;
  config.channels = 5;
  config.aux_channels = 4;
  config.num_classes = 7;
  return config;
}

/// Every parameter random and none trivial, so that a forgotten one shows; statistics too.
inline void randomise(torch::nn::Module& module, std::uint64_t seed) {
  torch::manual_seed(seed);
  const torch::NoGradGuard no_grad;
  for (const auto& p : module.named_parameters()) {
    const std::int64_t fan_in = p.value().numel() / p.value().size(0);
    const bool is_scale = p.value().dim() == 1 && p.key().ends_with("weight");
    p.value().normal_(is_scale ? 1 : 0,
                      p.value().dim() == 1 ? 0.3 : 1 / std::sqrt(static_cast<double>(fan_in)));
  }
  for (const auto& b : module.named_buffers()) {
    if (b.key().ends_with("running_mean")) b.value().normal_(0, 0.3);
    if (b.key().ends_with("running_var")) b.value().uniform_(0.5, 1.5);
  }
}

inline std::shared_ptr<Segmentor> random_segmentor(const SegmentorConfig& config) {
  auto segmentor = std::make_shared<Segmentor>(config);
  randomise(*segmentor, 1);
  return segmentor;
}

}  // namespace convmae
