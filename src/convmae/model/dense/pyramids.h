#pragma once

#include "convmae/model/dense/convolution.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

/// From an encoder's maps to the levels that dense heads read, finest first. Level p_n has the
/// stride 2^n.
namespace convmae {

/// The feature pyramid network (arXiv 1612.03144) of detectron2: each map becomes `out` channels
/// wide, coarser levels are added to finer ones, and each sum is smoothed. `fpn_lateral2`,
/// `fpn_output2`, ...
class FeaturePyramid : public torch::nn::Module {
 public:
  /// Of maps with these channels, finest first, at strides 4, 8, ...
  FeaturePyramid(const std::vector<std::int64_t>& in, std::int64_t out, ConvolutionNorm norm);

  /// maps [B, in, H_s, W_s], each half as large as the one before -> [B, out, H_s, W_s] of each,
  /// and behind them every second place of the last.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& maps);

 private:
  std::vector<std::shared_ptr<NormedConvolution>> lateral_;
  std::vector<std::shared_ptr<NormedConvolution>> output_;
};

/// The simple pyramid of ViTDet (arXiv 2203.16527, section 3): every level from the encoder's last
/// map, at strides 4, 8, 16, 32, with LayerNorm. `simfp_2` to `simfp_5`, their parts numbered as
/// published.
class SimplePyramid : public torch::nn::Module {
 public:
  SimplePyramid(std::int64_t in, std::int64_t out);

  /// map [B, in, H, W] at stride 16 -> p2, p3, p4, p5, and p6, every second place of p5.
  std::vector<at::Tensor> forward(const at::Tensor& map);

 private:
  /// What makes one level.
  struct Level {
    std::shared_ptr<Upsampling> first;
    std::shared_ptr<LayerNorm> between;
    std::shared_ptr<Upsampling> second;
    bool halved = false;
    std::shared_ptr<NormedConvolution> reduce;
    std::shared_ptr<NormedConvolution> smooth;
  };
  /// `doublings` of the map's size: 2, 1, 0 or -1.
  Level make_level(int number, int doublings, std::int64_t in, std::int64_t out);
  static at::Tensor level_of(const Level& level, at::Tensor x);

  std::vector<Level> levels_;
};

/// The fourth level of the published segmentor, from its third: a convolution of 3 with stride 2
/// and no padding, batch norm, GELU. Its parts are `0` and `1`.
class FourthLevel : public torch::nn::Module {
 public:
  explicit FourthLevel(std::int64_t dim);

  /// map [B, C, H, W] at stride 16 -> [B, C, (H - 1) / 2, (W - 1) / 2], rounded down.
  at::Tensor forward(const at::Tensor& map);

 private:
  std::shared_ptr<Convolution> convolution_;
  std::shared_ptr<BatchNorm> norm_;
};

}  // namespace convmae
