#pragma once

#include "convmae/model/dense/backbone.h"
#include "convmae/model/dense/pyramids.h"
#include "convmae/segment/pixel_loss.h"
#include "convmae/segment/segmentation_heads.h"
#include "convmae/segment/segmentor_config.h"
#include "convmae/train/batch_key.h"
#include "convmae/train/task.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// A ConvMAE encoder with UperNet behind it, and a second head for training alone. Parameters have
/// the published names: `backbone.*`, `decode_head.*`, `auxiliary_head.*`.
class Segmentor : public torch::nn::Module {
 public:
  explicit Segmentor(const SegmentorConfig& config);

  /// images [B, C, H, W] of any size that the strides divide -> logits [B, K, H_0, W_0] in the type
  /// of the images, at the resolution of the finest map that the head reads. Nothing is left out.
  at::Tensor logits(const at::Tensor& images);

  /// The loss of a batch: images [B, C, H, W], labels [B, H, W] of an integer type. Its parts are
  /// `decode_loss` and, with an auxiliary head, `aux_loss`, which has its weight already. What is
  /// left out of branches and channels follows from the key. Of the stages in `recompute`
  /// activations are not kept: the backward pass computes them once more. Batch norm that has one
  /// number a channel is a c10::Error (`require_batch` tells a user before).
  Loss loss(const at::Tensor& images, const at::Tensor& labels, const BatchKey& key,
            const PixelLossOptions& options = {}, std::array<bool, 3> recompute = {});

  const SegmentorConfig& config() const { return config_; }

  /// Sets every parameter as the published code does at start: Linear weights and positions normal
  /// with deviation 0.02, tables of relative positions 0, the encoder's convolutions PyTorch's
  /// default, those of the heads He-normal, what gives logits normal with deviation 0.01.
  void initialise(std::uint64_t seed);
  /// The same of the two layers that give logits, for other classes.
  void initialise_classes(std::uint64_t seed);

 private:
  /// The four maps, undefined where nobody reads them.
  std::vector<at::Tensor> maps_of(const at::Tensor& images, const DropPath& drop_path,
                                  std::array<bool, 3> recompute = {});
  at::Tensor decoded(const std::vector<at::Tensor>& maps,
                     const std::optional<at::Tensor>& dropout = std::nullopt);

  SegmentorConfig config_;
  std::shared_ptr<Backbone> backbone_;
  std::shared_ptr<FourthLevel> fourth_;  ///< null where nobody reads it
  std::shared_ptr<UperHead> decode_head_;
  std::shared_ptr<FcnHead> auxiliary_head_;  ///< null if there is none
  std::vector<double> drop_path_rates_;
};

}  // namespace convmae
