#include "convmae/model/encoder/pooled_encoder.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <ATen/ATen.h>

#include <numeric>

namespace convmae {
namespace {

constexpr double kEps = 1e-6;

/// The encoder alone, with every block seen.
EncoderConfig for_whole_images(EncoderConfig config) {
  config.masked_conv = true;
  return config;
}

/// A table of absolute positions is the checkpoint's or a random one, so no fixed one has to be
/// made.
constexpr bool kFixedPositions = false;

/// If there is one.
void train_position_table(torch::nn::Module& module) {
  auto parameters = module.named_parameters(/*recurse=*/false);
  if (at::Tensor* const table = parameters.find("pos_embed")) table->requires_grad_(true);
}

/// The published norm of a pooling, registered in `module` under its published name.
std::shared_ptr<LayerNorm> register_norm(torch::nn::Module& module, Pool pool, std::int64_t width) {
  return module.register_module(pool == Pool::mean ? "fc_norm" : "norm",
                                std::make_shared<LayerNorm>(width, kEps));
}

/// tokens [B, N, D] -> [B, D]; the mean begins behind `leading` class tokens.
at::Tensor pooled(const at::Tensor& tokens, Pool pool, LayerNorm& norm, std::int64_t leading) {
  if (pool == Pool::mean) {
    return norm.forward(tokens.narrow(1, leading, tokens.size(1) - leading).mean(1));
  }
  return norm.forward(tokens.select(1, 0));
}

}  // namespace

Pool parse_pool(const std::string& name) {
  for (const Pool pool : {Pool::mean, Pool::token}) {
    if (name == to_string(pool)) return pool;
  }
  throw UserError("no pooling is named " + quote(name) + ": choose mean or token");
}

std::string to_string(Pool pool) { return pool == Pool::mean ? "mean" : "token"; }

PooledConvVit::PooledConvVit(const EncoderConfig& config, Pool pool)
    : pool_(pool),
      num_blocks_(std::accumulate(config.depth.begin(), config.depth.end(), std::int64_t{0})),
      num_layers_(config.depth.back()),
      width_(config.embed_dim.back()),
      encoder_(std::make_shared<Encoder>(for_whole_images(config), EncoderTail::none,
                                         EncoderParts{.fixed_positions = kFixedPositions})) {
  adopt(*this, *encoder_);
  train_position_table(*this);
  norm_ = register_norm(*this, pool, width_);
}

at::Tensor PooledConvVit::forward(const at::Tensor& images, const DropPath& drop_path) {
  const Visibility all =
      all_visible(images.size(0), encoder_->geometry(images).grid(), images.device());
  return pooled(encoder_->stages(images, {all, std::nullopt, drop_path}).tokens, pool_, *norm_, 0);
}

PooledVit::PooledVit(const EncoderConfig& config, Pool pool)
    : pool_(pool), encoder_(std::make_shared<Vit>(for_whole_images(config), kFixedPositions)) {
  adopt(*this, *encoder_);
  train_position_table(*this);
  norm_ = register_norm(*this, pool, encoder_->width());
}

at::Tensor PooledVit::forward(const at::Tensor& images, const DropPath& drop_path) {
  return pooled(encoder_->forward(images, drop_path), pool_, *norm_, 1);
}

std::shared_ptr<PooledEncoder> make_pooled_encoder(const EncoderConfig& config, Pool pool) {
  if (config.kind == EncoderKind::vit) return std::make_shared<PooledVit>(config, pool);
  return std::make_shared<PooledConvVit>(config, pool);
}

}  // namespace convmae
