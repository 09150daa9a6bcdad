#pragma once

#include "convmae/model/compute.h"
#include "convmae/model/config.h"
#include "convmae/model/masking/visibility.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// What a pretraining forward pass gives. `views` is 1, or the number of groups of FastConvMAE;
/// rows are ordered view by view.
struct PretrainOutput {
  at::Tensor loss;  ///< [] float32: masked mean over all views
  at::Tensor
      pred;  ///< [views*B, L, block*block*C]; undefined unless all predictions were asked for
  /// [views*B, L] float32, 1 = removed: blocks, or stage-1 positions, in the raster of the image.
  at::Tensor mask;
};

/// Which predictions a forward pass computes.
enum class Predict {
  removed,  ///< only what the loss reads: the removed blocks (training)
  all,      ///< every block (pictures, golden files)
};

/// The blocks whose predictions those are, as a decoder is asked for them.
inline std::optional<at::Tensor> wanted(Predict predict, const Visibility& visibility) {
  return predict == Predict::removed ? std::optional(visibility.removed) : std::nullopt;
}

/// A model that is pretrained by filling in removed blocks: ConvMAE, FastConvMAE, MAE.
class PretrainModel : public torch::nn::Module {
 public:
  /// images [B, C, H, W] float32, already normalised; noise [B, L] float32 in [0, 1), in host
  /// memory and in the order of the mask: what has the smallest noise is kept (stable order).
  /// Throws c10::Error on other shapes.
  virtual PretrainOutput forward(const at::Tensor& images, const at::Tensor& noise,
                                 Predict predict) = 0;

  /// What the encoder makes of whole images [B, C, H, W]: a map [B, C_s, H_s, W_s] of each stage,
  /// the last one the transformer's; of MAE, which has no stages, one map of its patches. They have
  /// the compute type.
  virtual std::vector<at::Tensor> feature_maps(const at::Tensor& images) = 0;

  const ModelConfig& config() const { return config_; }
  /// Places the model. Activations have the type of the images otherwise; bfloat16 takes less time
  /// and memory. Parameters and their gradients, targets and the loss keep their own types.
  void use(const Compute& compute);
  /// Length L of a row of noise: blocks, or stage-1 positions with position-wise masking.
  virtual std::int64_t noise_length() const = 0;
  /// Pixels along a block's side.
  virtual std::int64_t block() const = 0;

  /// Sets every parameter as the published code does at start, each from draws of its own, so that
  /// the result depends on the seed alone.
  virtual void initialise(std::uint64_t seed) = 0;

 protected:
  explicit PretrainModel(ModelConfig config) : config_(std::move(config)) {}
  /// Images as the encoder takes them.
  at::Tensor in_compute_type(const at::Tensor& images) const {
    return compute_ ? images.to(compute_->device, compute_->type) : images;
  }

 private:
  ModelConfig config_;
  std::optional<Compute> compute_;
};

/// The model that the configuration describes, with uninitialised parameters. Parameters have the
/// published names and shapes; fixed position tables are parameters without gradient, as published.
std::shared_ptr<PretrainModel> make_pretrain_model(const ModelConfig& config);

}  // namespace convmae
