#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/compute.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// An encoder that is only looked at: whole images in, feature maps out, nothing learned.
class FeatureModel {
 public:
  /// The encoder of a model that may be in training meanwhile.
  FeatureModel(const std::shared_ptr<PretrainModel>& model, Preprocessing preprocessing);

  /// The encoder in a file of any kind that WeightFile reads, or in a run directory: of a
  /// pretrained or fine-tuned model, or alone. `num_heads` serves files that do not tell the number
  /// of attention heads and whose widths are those of no named model. Throws UserError if the file
  /// has no encoder of a known kind, or is damaged. Of MAE the norm behind the encoder is part of
  /// it, if the file has one.
  static FeatureModel load(const std::filesystem::path& path,
                           std::optional<std::int64_t> num_heads = {}, const Compute& compute = {});

  const EncoderConfig& encoder() const { return encoder_; }
  const Preprocessing& preprocessing() const { return preprocessing_; }
  /// Maps that `maps` returns: 3, or 1 for MAE, which has no stages.
  std::int64_t stages() const { return encoder_.kind == EncoderKind::vit ? 1 : 3; }
  /// What holds the weights, under their published names.
  const torch::nn::Module& module() const { return *module_; }
  /// images [B, C, H, W], normalised -> one map [B, C_s, H_s, W_s] a stage, float32, the last one
  /// the tokens of the transformer.
  std::vector<at::Tensor> maps(const at::Tensor& images) const;
  /// The mean over the last map: [B, D].
  at::Tensor pooled(const at::Tensor& images) const;

 private:
  using Maps = std::function<std::vector<at::Tensor>(const at::Tensor&)>;
  FeatureModel(std::shared_ptr<const torch::nn::Module> module, Maps maps, EncoderConfig encoder,
               Preprocessing preprocessing);

  std::shared_ptr<const torch::nn::Module> module_;
  Maps maps_;
  EncoderConfig encoder_;
  Preprocessing preprocessing_;
};

}  // namespace convmae
