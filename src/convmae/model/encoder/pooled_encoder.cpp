#include "convmae/model/encoder/pooled_encoder.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/module_list.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <numeric>

namespace convmae {
namespace {

constexpr double kEps = 1e-6;

/// The encoder alone: every block is seen, and the position table is the checkpoint's or a random
/// one, so that no fixed table has to be made.
ModelConfig for_whole_images(ModelConfig config) {
  config.masked_conv = true;
  config.use_pos_embed = false;
  return config;
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

PooledConvVit::PooledConvVit(const ModelConfig& config, Pool pool)
    : pool_(pool),
      num_blocks_(std::accumulate(config.depth.begin(), config.depth.end(), std::int64_t{0})),
      num_layers_(config.depth.back()),
      width_(config.embed_dim.back()),
      encoder_(std::make_shared<Encoder>(for_whole_images(config), EncoderTail::none)) {
  adopt(*this, *encoder_);
  named_parameters(/*recurse=*/false)["pos_embed"].requires_grad_(true);
  norm_ = register_norm(*this, pool, width_);
}

at::Tensor PooledConvVit::forward(const at::Tensor& images, const DropPath& drop_path) {
  const Visibility all = all_visible(images.size(0), encoder_->geometry().grid(), images.device());
  return pooled(encoder_->stages(images, all, std::nullopt, drop_path).tokens, pool_, *norm_, 0);
}

PooledVit::PooledVit(const ModelConfig& config, Pool pool)
    : pool_(pool),
      patch_(config.patch_size.at(0)),
      grid_(Geometry(config.img_size, {patch_, 1, 1}).grid()) {
  const std::int64_t dim = config.embed_dim.at(0);
  cls_token_ = register_parameter("cls_token", torch::empty({1, 1, dim}));
  pos_embed_ =
      register_parameter("pos_embed", torch::empty({1, 1 + grid_.height * grid_.width, dim}));
  patch_embed_ =
      std::make_shared<PatchConv>(config.in_chans, dim, std::vector<std::int64_t>{patch_});
  register_module("patch_embed", std::make_shared<torch::nn::Module>())
      ->register_module("proj", patch_embed_);
  blocks_ = register_list(*this, "blocks", config.depth.at(0), [&](std::int64_t) {
    return std::make_shared<TransformerBlock>(
        TransformerBlockConfig{dim, config.num_heads, config.mlp_ratio.at(0), kEps});
  });
  norm_ = register_norm(*this, pool, dim);
}

at::Tensor PooledVit::forward(const at::Tensor& images, const DropPath& drop_path) {
  TORCH_CHECK(drop_path.empty() || drop_path.size() == blocks_.size(), "drop path has scales for ",
              drop_path.size(), " blocks");
  at::Tensor x = patch_embed_->forward(image_to_blocks(images, grid_, {patch_}).flatten(2));
  const at::Tensor class_token = cls_token_.to(x.scalar_type()).expand({x.size(0), 1, x.size(2)});
  x = at::cat({class_token, x}, 1) + pos_embed_.to(x.scalar_type());
  std::size_t number = 0;
  for (const auto& block : blocks_) x = block->forward(x, {}, scales_of(drop_path, number++));
  return pooled(x, pool_, *norm_, 1);
}

std::shared_ptr<PooledEncoder> make_pooled_encoder(const ModelConfig& config, Pool pool) {
  if (config.method == Method::mae) return std::make_shared<PooledVit>(config, pool);
  return std::make_shared<PooledConvVit>(config, pool);
}

}  // namespace convmae
