#pragma once

#include "convmae/model/autoencoder/decoder.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/encoder/encoder.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace convmae {

/// ConvMAE and FastConvMAE: the encoder on the visible blocks, the decoder, the loss on the removed
/// ones. FastConvMAE is this model on complementary views of the same images.
class MaskedAutoencoder : public PretrainModel {
 public:
  explicit MaskedAutoencoder(ModelConfig config);

  PretrainOutput forward(const at::Tensor& images, const at::Tensor& noise,
                         Predict predict) override;
  std::int64_t noise_length() const override;
  std::int64_t block() const override { return encoder_->geometry().block(); }
  void initialise(std::uint64_t seed) override;

  /// The encoder passes that a forward does for this noise: one, or two for FastConvMAE with an
  /// uneven last group.
  std::vector<Visibility> passes(const at::Tensor& noise) const;
  std::vector<at::Tensor> feature_maps(const at::Tensor& images) override;
  Encoder& encoder() { return *encoder_; }

 private:
  PretrainOutput forward_blocks(const at::Tensor& images, const at::Tensor& noise, Predict predict);
  PretrainOutput forward_positions(const at::Tensor& images, const at::Tensor& noise);
  /// [B, L, n]: what the decoder should predict.
  at::Tensor target(const at::Tensor& images) const;

  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<Decoder> decoder_;
};

}  // namespace convmae
