#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/model/dense/convolution.h"
#include "convmae/model/encoder/layers.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

/// What looks at pooled boxes; parameters have detectron2's names. Any number of boxes will do, in
/// training too.
namespace convmae {

/// Convolutions of 3 with norm and ReLU, then layers with ReLU: `conv1`, ..., `fc1`, ...
class BoxHead : public torch::nn::Module {
 public:
  explicit BoxHead(const DetectorConfig& config);

  /// pooled [R, C, S, S] -> features [R, F]
  at::Tensor forward(const at::Tensor& pooled);

 private:
  std::vector<std::shared_ptr<NormedConvolution>> convolutions_;
  std::vector<std::shared_ptr<Linear>> layers_;
};

/// What a box shows and how it should be moved.
struct BoxOutput {
  at::Tensor logits;  ///< [R, K + 1]: the last is the background
  at::Tensor deltas;  ///< [R, 4K]: column = class * 4 + coordinate
};

/// `cls_score`, `bbox_pred`.
class BoxPredictor : public torch::nn::Module {
 public:
  explicit BoxPredictor(const DetectorConfig& config);

  BoxOutput forward(const at::Tensor& features);

 private:
  std::shared_ptr<Linear> score_;
  std::shared_ptr<Linear> delta_;
};

/// Convolutions of 3 with norm and ReLU, twice the size, a mask for each class: `mask_fcn1`, ...,
/// `deconv`, `predictor`.
class MaskHead : public torch::nn::Module {
 public:
  explicit MaskHead(const DetectorConfig& config);

  /// pooled [R, C, S, S] -> logits [R, K, 2S, 2S]
  at::Tensor forward(const at::Tensor& pooled);

 private:
  std::vector<std::shared_ptr<NormedConvolution>> convolutions_;
  std::shared_ptr<Upsampling> upsampling_;
  std::shared_ptr<Convolution> predictor_;
};

}  // namespace convmae
