#pragma once

#include "convmae/model/config.h"
#include "convmae/model/encoder/drop_path.h"
#include "convmae/model/encoder/encoder.h"
#include "convmae/model/encoder/vit.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>

namespace convmae {

/// How the tokens of an image become one vector.
enum class Pool {
  mean,   ///< mean over the image's tokens, then a norm (`fc_norm`)
  token,  ///< the norm, then the first token: the class token, or without one the top left block
};

Pool parse_pool(const std::string& name);
std::string to_string(Pool pool);

/// The encoder of a pretrained model on whole images, without what pretraining alone needs, as
/// published for fine-tuning: no side branches, no mask, and position tables that are trained.
class PooledEncoder : public torch::nn::Module {
 public:
  /// images [B, C, H, W] -> [B, D], normalised. `drop_path` has scales for num_blocks() blocks.
  virtual at::Tensor forward(const at::Tensor& images, const DropPath& drop_path) = 0;
  at::Tensor forward(const at::Tensor& images) { return forward(images, {}); }

  /// Convolutional and transformer blocks.
  virtual std::int64_t num_blocks() const = 0;
  /// Transformer blocks: the layers that the learning rate decays over.
  virtual std::int64_t num_layers() const = 0;
  /// D
  virtual std::int64_t width() const = 0;
};

/// ConvViT: the encoder of ConvMAE with every block visible.
class PooledConvVit : public PooledEncoder {
 public:
  PooledConvVit(const EncoderConfig& config, Pool pool);

  using PooledEncoder::forward;
  at::Tensor forward(const at::Tensor& images, const DropPath& drop_path) override;
  std::int64_t num_blocks() const override { return num_blocks_; }
  std::int64_t num_layers() const override { return num_layers_; }
  std::int64_t width() const override { return width_; }

 private:
  Pool pool_;
  std::int64_t num_blocks_;
  std::int64_t num_layers_;
  std::int64_t width_;
  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<LayerNorm> norm_;
};

/// The vision transformer of MAE. The mean leaves the class token out.
class PooledVit : public PooledEncoder {
 public:
  PooledVit(const EncoderConfig& config, Pool pool);

  using PooledEncoder::forward;
  at::Tensor forward(const at::Tensor& images, const DropPath& drop_path) override;
  std::int64_t num_blocks() const override { return encoder_->num_blocks(); }
  std::int64_t num_layers() const override { return encoder_->num_blocks(); }
  std::int64_t width() const override { return encoder_->width(); }

 private:
  Pool pool_;
  std::shared_ptr<Vit> encoder_;
  std::shared_ptr<LayerNorm> norm_;
};

/// The encoder that a configuration describes, with uninitialised parameters under their published
/// names. Of the ablations only what it says of positions is read.
std::shared_ptr<PooledEncoder> make_pooled_encoder(const EncoderConfig& config, Pool pool);

}  // namespace convmae
