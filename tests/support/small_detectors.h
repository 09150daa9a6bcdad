#pragma once

#include "convmae/detect/detector_config.h"

#include <ATen/ATen.h>

#include "support/small_models.h"
#include <string>
#include <vector>

namespace convmae {

/// Detectors small enough for tests, with everything that the published ones have.
inline DetectorConfig small_detector(const std::string& name) {
  DetectorConfig config = detector_preset(name);
  config.encoder = small_config().encoder;
  config.encoder.img_size = {64, 96};
  config.encoder.depth = {1, 1, 3};
  config.windowed_blocks = {0, 2};
  config.window.side = config.window.padded ? 3 : 2;
  config.position_img_size = name == "alpha" ? config.encoder.img_size : Size{32, 32};
  config.out_channels = 8;
  config.proposals.conv_dims = {8, 6};
  config.proposals.anchor_sizes = {8, 16, 32, 64, 128};
  config.proposals.batch = 32;
  config.proposals.pre_nms_topk = {40, 16};
  config.proposals.post_nms_topk = {60, 50};
  config.roi.batch = 16;
  config.roi.canonical_box_size = 32;
  config.roi.box_conv_dims = {8, 6};
  config.roi.box_fc_dims = {12};
  config.roi.mask_pool = 6;
  config.roi.mask_conv_dims = {8, 6, 4};
  config.detection.topk_per_image = 20;
  config.num_classes = 4;
  return config;
}

}  // namespace convmae
