#include "convmae/detect/roi_heads.h"

#include <ATen/ATen.h>

#include <string>

namespace convmae {

BoxHead::BoxHead(const DetectorConfig& config) {
  std::int64_t in = config.out_channels;
  for (const std::int64_t width : config.roi.box_conv_dims) {
    convolutions_.push_back(
        register_module("conv" + std::to_string(convolutions_.size() + 1),
                        std::make_shared<NormedConvolution>(in, width, /*kernel=*/3, config.norm)));
    in = width;
  }
  in *= config.roi.box_pool * config.roi.box_pool;
  for (const std::int64_t width : config.roi.box_fc_dims) {
    layers_.push_back(register_module("fc" + std::to_string(layers_.size() + 1),
                                      std::make_shared<Linear>(in, width)));
    in = width;
  }
}

at::Tensor BoxHead::forward(const at::Tensor& pooled) {
  at::Tensor x = pooled;
  for (const auto& convolution : convolutions_) x = convolution->forward(x).relu();
  // Channel, row, column, however they lie in memory.
  x = x.contiguous().flatten(1);
  for (const auto& layer : layers_) x = layer->forward(x).relu();
  return x;
}

BoxPredictor::BoxPredictor(const DetectorConfig& config)
    : score_(register_module("cls_score", std::make_shared<Linear>(config.roi.box_fc_dims.back(),
                                                                   config.num_classes + 1))),
      delta_(register_module("bbox_pred", std::make_shared<Linear>(config.roi.box_fc_dims.back(),
                                                                   4 * config.num_classes))) {}

BoxOutput BoxPredictor::forward(const at::Tensor& features) {
  return {score_->forward(features), delta_->forward(features)};
}

MaskHead::MaskHead(const DetectorConfig& config) {
  const std::vector<std::int64_t>& widths = config.roi.mask_conv_dims;
  std::int64_t in = config.out_channels;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    convolutions_.push_back(register_module(
        "mask_fcn" + std::to_string(i + 1),
        std::make_shared<NormedConvolution>(in, widths[i], /*kernel=*/3, config.norm)));
    in = widths[i];
  }
  upsampling_ = register_module("deconv", std::make_shared<Upsampling>(in, widths.back()));
  predictor_ = register_module("predictor", std::make_shared<Convolution>(ConvolutionConfig{
                                                widths.back(), config.num_classes}));
}

at::Tensor MaskHead::forward(const at::Tensor& pooled) {
  at::Tensor x = pooled;
  for (const auto& convolution : convolutions_) x = convolution->forward(x).relu();
  return predictor_->forward(upsampling_->forward(x).relu());
}

}  // namespace convmae
