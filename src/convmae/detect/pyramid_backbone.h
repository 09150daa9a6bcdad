#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/model/dense/backbone.h"
#include "convmae/model/dense/pyramids.h"
#include "convmae/model/encoder/drop_path.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <memory>
#include <vector>

namespace convmae {

/// How a pass through the encoder is computed.
struct EncoderOptions {
  DropPath drop_path{};
  /// The stages whose activations are computed once more in the backward pass.
  std::array<bool, 3> recompute{};
};

/// Encoder and pyramid. With a feature pyramid the encoder is `bottom_up`, and a fourth map is the
/// third after a max pool of 2; with a simple pyramid it is `net`.
class PyramidBackbone : public torch::nn::Module {
 public:
  explicit PyramidBackbone(const DetectorConfig& config);

  /// images [B, C, H, W] -> levels p2 to p6, [B, out_channels, H_l, W_l] each.
  std::vector<at::Tensor> forward(const at::Tensor& images, const EncoderOptions& options = {});

  Backbone& encoder() { return *encoder_; }

 private:
  std::shared_ptr<FeaturePyramid> feature_;  ///< one of these two
  std::shared_ptr<SimplePyramid> simple_;
  std::shared_ptr<Backbone> encoder_;
};

}  // namespace convmae
