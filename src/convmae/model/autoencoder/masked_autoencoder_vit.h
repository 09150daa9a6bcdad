#pragma once

#include "convmae/model/autoencoder/decoder.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/encoder/vit.h"
#include "convmae/model/masking/visibility.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace convmae {

/// The baseline, MAE (arXiv 2111.06377): a vision transformer with a class token on the visible
/// patches, and the same decoder and loss.
class MaskedAutoencoderVit : public PretrainModel {
 public:
  explicit MaskedAutoencoderVit(ModelConfig config);

  PretrainOutput forward(const at::Tensor& images, const at::Tensor& noise,
                         Predict predict) override;
  std::int64_t noise_length() const override { return encoder_->geometry().num_blocks(); }
  std::int64_t block() const override { return encoder_->geometry().block(); }
  void initialise(std::uint64_t seed) override;
  std::vector<at::Tensor> feature_maps(const at::Tensor& images) override;

  Visibility sample(const at::Tensor& noise) const;
  /// images [B, C, H, W] -> [B, 1 + V, D], normalised, the class token first, patches in ascending
  /// order.
  at::Tensor encode(const at::Tensor& images, const Visibility& visibility);

 private:
  std::shared_ptr<Vit> encoder_;
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<Decoder> decoder_;
};

}  // namespace convmae
