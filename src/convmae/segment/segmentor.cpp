#include "convmae/segment/segmentor.h"

#include "convmae/base/random.h"
#include "convmae/model/initialise.h"
#include "convmae/ops/device.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

#include <numeric>

namespace convmae {
namespace {

/// Factors [B, channels] for both heads, one behind the other: 0 for channels that are left out,
/// and what makes up for them for the others.
at::Tensor draw_dropout(double rate, std::int64_t channels, const BatchKey& key) {
  at::Tensor factors = at::empty({std::ssize(key.positions), channels}, at::kFloat);
  auto values = factors.accessor<float, 2>();
  const auto kept = static_cast<float>(1 / (1 - rate));
  for (std::int64_t image = 0; image < factors.size(0); ++image) {
    const std::int64_t position = key.positions[static_cast<std::size_t>(image)];
    CounterRandom random(key.seed, key.epoch, static_cast<std::uint64_t>(position),
                         Purpose::channel_dropout);
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      values[image][channel] = random.uniform() < rate ? 0.F : kept;
    }
  }
  return factors;
}

}  // namespace

Segmentor::Segmentor(const SegmentorConfig& config) : config_(config) {
  backbone_ = register_module("backbone", std::make_shared<Backbone>(backbone_of(config)));
  if (reads_map(config, kFourthMap)) {
    fourth_ = backbone_->register_module(
        "fpn", std::make_shared<FourthLevel>(config.encoder.embed_dim.back()));
  }
  std::vector<std::int64_t> channels;
  for (const std::int64_t map : config.maps) channels.push_back(map_channels(config, map));
  decode_head_ = register_module(
      "decode_head", std::make_shared<UperHead>(channels, config.channels, config.pool_scales,
                                                config.num_classes));
  if (config.aux_channels > 0) {
    auxiliary_head_ = register_module(
        "auxiliary_head", std::make_shared<FcnHead>(map_channels(config, config.aux_map),
                                                    config.aux_channels, config.num_classes));
  }
  const std::vector<std::int64_t>& depth = config.encoder.depth;
  drop_path_rates_ = drop_path_rates(config.drop_path,
                                     std::accumulate(depth.begin(), depth.end(), std::int64_t{0}));
}

std::vector<at::Tensor> Segmentor::maps_of(const at::Tensor& images, const DropPath& drop_path,
                                           std::array<bool, 3> recompute) {
  std::vector<at::Tensor> maps = backbone_->forward(images, drop_path, recompute);
  maps.push_back(fourth_ ? fourth_->forward(maps.back()) : at::Tensor());
  return maps;
}

at::Tensor Segmentor::decoded(const std::vector<at::Tensor>& maps,
                              const std::optional<at::Tensor>& dropout) {
  std::vector<at::Tensor> read;
  for (const std::int64_t map : config_.maps) read.push_back(maps[static_cast<std::size_t>(map)]);
  return decode_head_->forward(read, dropout);
}

at::Tensor Segmentor::logits(const at::Tensor& images) { return decoded(maps_of(images, {})); }

Loss Segmentor::loss(const at::Tensor& images, const at::Tensor& labels, const BatchKey& key,
                     const PixelLossOptions& options, std::array<bool, 3> recompute) {
  TORCH_CHECK(std::ssize(key.positions) == images.size(0), images.size(0),
              " images have draws for ", key.positions.size());
  DropPath drop_path;
  std::optional<at::Tensor> dropout;
  std::optional<at::Tensor> aux_dropout;
  if (is_training()) {
    drop_path =
        draw_drop_path(drop_path_rates_, key.seed, key.epoch, key.positions, images.device());
    if (config_.dropout > 0) {
      const at::Tensor both =
          sent_to(images.device(),
                  draw_dropout(config_.dropout, config_.channels + config_.aux_channels, key));
      dropout = both.narrow(1, 0, config_.channels);
      aux_dropout = both.narrow(1, config_.channels, config_.aux_channels);
    }
  }
  const std::vector<at::Tensor> maps = maps_of(images, drop_path, recompute);
  Loss loss;
  loss.total = pixel_loss(decoded(maps, dropout), labels, options);
  loss.parts.emplace_back("decode_loss", loss.total);
  if (auxiliary_head_) {
    const at::Tensor& map = maps[static_cast<std::size_t>(config_.aux_map)];
    const at::Tensor auxiliary =
        config_.aux_weight *
        pixel_loss(auxiliary_head_->forward(map, aux_dropout), labels, options);
    loss.parts.emplace_back("aux_loss", auxiliary);
    loss.total = loss.total + auxiliary;
  }
  return loss;
}

void Segmentor::initialise(std::uint64_t seed) {
  initialise_parameters(*this, seed, {}, LinearInit::normal);
  decode_head_->initialise(seed, "decode_head");
  if (auxiliary_head_) auxiliary_head_->initialise(seed, "auxiliary_head");
}

void Segmentor::initialise_classes(std::uint64_t seed) {
  decode_head_->initialise_classes(seed, "decode_head");
  if (auxiliary_head_) auxiliary_head_->initialise_classes(seed, "auxiliary_head");
}

}  // namespace convmae
