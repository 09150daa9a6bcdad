#pragma once

#include "convmae/model/dense/batch_norm.h"
#include "convmae/model/dense/convolution.h"
#include "convmae/segment/segmentor_config.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

/// What stands behind the backbone of a segmentor. Names are those of mmsegmentation 0.11.
namespace convmae {

/// A convolution of odd kernel without bias that keeps the map's size, batch norm, ReLU: `conv`,
/// `bn`.
class ConvolutionUnit : public torch::nn::Module {
 public:
  ConvolutionUnit(std::int64_t in, std::int64_t out, std::int64_t kernel);
  /// x [B, in, H, W] -> [B, out, H, W]
  at::Tensor forward(const at::Tensor& x);
  /// He-normal of what goes out, for the ReLU; drawn for `name`.
  void initialise(std::uint64_t seed, const std::string& name);

 private:
  std::shared_ptr<Convolution> convolution_;
  std::shared_ptr<BatchNorm> norm_;
};

/// What both heads end with: channels are left out, then a 1x1 convolution gives a logit for each
/// class, `conv_seg`.
class SegmentationHead : public torch::nn::Module {
 public:
  SegmentationHead(std::int64_t channels, std::int64_t num_classes);
  /// Features [B, C, H, W], and [B, C] factors on their channels if some are left out -> logits
  /// [B, K, H, W].
  at::Tensor classify(const at::Tensor& features, const std::optional<at::Tensor>& dropout) const;
  /// As published: normal with deviation 0.01, bias 0; `name` is this head's.
  void initialise_classes(std::uint64_t seed, const std::string& name);

 private:
  std::shared_ptr<Convolution> conv_seg_;
};

/// The unified perceptual parsing head (arXiv 1807.10221) as mmsegmentation has it: the coarsest
/// map is pooled to pyramids of bins (arXiv 1612.01105), coarser maps are added to finer ones, and
/// all of them are read together at the finest resolution.
class UperHead : public SegmentationHead {
 public:
  /// Of maps with these channels, finest first.
  UperHead(const std::vector<std::int64_t>& in, std::int64_t channels,
           const std::vector<std::int64_t>& pool_scales, std::int64_t num_classes);

  /// maps [B, in, H_s, W_s] -> logits [B, K, H_0, W_0].
  at::Tensor forward(const std::vector<at::Tensor>& maps,
                     const std::optional<at::Tensor>& dropout = std::nullopt);
  void initialise(std::uint64_t seed, const std::string& name);

 private:
  /// The coarsest map, with what pooling tells of its surroundings.
  at::Tensor pooled(const at::Tensor& map);

  std::vector<std::int64_t> pool_scales_;
  std::vector<std::shared_ptr<ConvolutionUnit>> pyramid_;  ///< psp_modules.i.1
  std::shared_ptr<ConvolutionUnit> bottleneck_;
  std::vector<std::shared_ptr<ConvolutionUnit>> lateral_;
  std::vector<std::shared_ptr<ConvolutionUnit>> smooth_;  ///< fpn_convs
  std::shared_ptr<ConvolutionUnit> fpn_bottleneck_;
};

/// The auxiliary head, for training alone: one 3x3 convolution of a single map.
class FcnHead : public SegmentationHead {
 public:
  FcnHead(std::int64_t in, std::int64_t channels, std::int64_t num_classes);
  /// map [B, in, H, W] -> logits [B, K, H, W]
  at::Tensor forward(const at::Tensor& map,
                     const std::optional<at::Tensor>& dropout = std::nullopt);
  void initialise(std::uint64_t seed, const std::string& name);

 private:
  std::shared_ptr<ConvolutionUnit> unit_;  ///< convs.0
};

}  // namespace convmae
