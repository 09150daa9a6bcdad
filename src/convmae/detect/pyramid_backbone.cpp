#include "convmae/detect/pyramid_backbone.h"

#include <ATen/ATen.h>

namespace convmae {

PyramidBackbone::PyramidBackbone(const DetectorConfig& config)
    : encoder_(std::make_shared<Backbone>(backbone_config(config))) {
  const std::vector<std::int64_t>& dim = config.encoder.embed_dim;
  if (config.pyramid == PyramidKind::feature) {
    feature_ =
        std::make_shared<FeaturePyramid>(std::vector<std::int64_t>{dim[0], dim[1], dim[2], dim[2]},
                                         config.out_channels, config.norm);
    adopt(*this, *feature_);
    register_module("bottom_up", encoder_);
  } else {
    simple_ = std::make_shared<SimplePyramid>(dim[2], config.out_channels);
    adopt(*this, *simple_);
    register_module("net", encoder_);
  }
}

std::vector<at::Tensor> PyramidBackbone::forward(const at::Tensor& images,
                                                 const EncoderOptions& options) {
  std::vector<at::Tensor> maps = encoder_->forward(images, options.drop_path, options.recompute);
  if (simple_) return simple_->forward(maps[2]);
  maps.push_back(at::max_pool2d(maps[2], /*kernel_size=*/2));
  return feature_->forward(maps);
}

}  // namespace convmae
