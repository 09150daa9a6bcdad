#pragma once

#include "convmae/base/geometry.h"
#include "convmae/model/config.h"
#include "convmae/model/dense/backbone.h"
#include "convmae/model/dense/convolution.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// What makes levels of an encoder's maps.
enum class PyramidKind {
  feature,  ///< `FeaturePyramid`, of the maps of all stages
  simple,   ///< `SimplePyramid`, of the last map alone
};

/// What stochastic depth leaves out as one in a block whose attention is in windows.
enum class DropPathUnit { image, window };

/// How detections come from the network's input to their image.
enum class BoxRescaling {
  one_factor,  ///< width and height by the larger of both ratios: images that were padded
  two_factors  ///< each by its own
};

/// What proposes boxes (Faster R-CNN, arXiv 1506.01497).
struct ProposalConfig {
  std::vector<std::int64_t> conv_dims{256, 256};  ///< widths of the head's convolutions of 3
  std::vector<double> anchor_sizes{32, 64, 128, 256, 512};  ///< one a level, from p2
  std::vector<double> aspect_ratios{0.5, 1, 2};
  double anchor_offset = 0;  ///< of the first anchor's centre, as a share of the stride
  std::vector<double> bbox_weights{1, 1, 1, 1};
  /// Overlaps below the first are background, from the second on objects.
  std::vector<double> thresholds{0.3, 0.7};
  std::int64_t batch = 256;  ///< anchors an image that the loss looks at
  double positive_fraction = 0.5;
  std::vector<std::int64_t> pre_nms_topk{2000, 1000};   ///< of a level: in training, in inference
  std::vector<std::int64_t> post_nms_topk{1000, 1000};  ///< of an image, the same
  double nms_thresh = 0.7;
  double min_box_size = 0;

  bool operator==(const ProposalConfig&) const = default;
};

/// What looks at proposals, and at masks.
struct RoiConfig {
  std::int64_t batch = 512;  ///< proposals an image that the loss looks at
  double positive_fraction = 0.25;
  double threshold = 0.5;  ///< the overlap from which a proposal is an object
  std::vector<double> bbox_weights{10, 10, 5, 5};
  double canonical_box_size = 224;   ///< the side of a box that is pooled from
  std::int64_t canonical_level = 4;  ///< this level
  std::int64_t sampling_ratio = 0;   ///< samples a bin and axis; 0: as many as it covers
  std::int64_t box_pool = 7;
  std::vector<std::int64_t> box_conv_dims{256, 256, 256, 256};
  std::vector<std::int64_t> box_fc_dims{1024};
  bool masks = true;  ///< whether there is a mask head
  std::int64_t mask_pool = 14;
  /// Widths of the mask head's convolutions; the last is that of its upsampling.
  std::vector<std::int64_t> mask_conv_dims{256, 256, 256, 256, 256};

  bool operator==(const RoiConfig&) const = default;
};

/// Which boxes are detections.
struct DetectionConfig {
  double score_thresh = 0.05;  ///< scores must be above
  double nms_thresh = 0.5;
  std::int64_t topk_per_image = 100;
  double mask_threshold = 0.5;
  BoxRescaling rescaling = BoxRescaling::one_factor;

  bool operator==(const DetectionConfig&) const = default;
};

/// Everything that decides a detector's parameters and arithmetic: Mask R-CNN (arXiv 1703.06870)
/// upon a ConvMAE encoder. Plain data.
struct DetectorConfig {
  /// Its images are the network's input: smaller ones are padded to that size.
  EncoderConfig encoder;
  RelativePosition relative_position = RelativePosition::global_and_windowed;
  Window window{16, /*padded=*/false};
  std::vector<std::int64_t> windowed_blocks{1, 2, 4, 5, 7, 8, 9};  ///< of stage 3, from 0
  /// The images that the table of absolute positions is for.
  Size position_img_size{1024, 1024};
  bool train_positions = false;
  double conv_eps = 1e-5;  ///< of the norms in the blocks of stages 1 and 2
  double eps = 1e-6;       ///< of those in the blocks of stage 3
  DropPathUnit drop_path_unit = DropPathUnit::window;
  PyramidKind pyramid = PyramidKind::feature;
  std::int64_t out_channels = 256;  ///< of a level
  /// Of the heads and of a feature pyramid; a simple pyramid has LayerNorm.
  ConvolutionNorm norm = ConvolutionNorm::batch;
  ProposalConfig proposals;
  RoiConfig roi;
  double smooth_l1_beta = 0;  ///< of both box losses; 0 is the absolute difference
  DetectionConfig detection;
  std::int64_t num_classes = 80;

  bool operator==(const DetectorConfig&) const = default;
};

/// The published detectors.
std::vector<std::string> detector_names();

/// A published detector upon the encoder of a named model (`model_preset`), "base" as published:
/// "alpha", of the paper's own repository, or "official", of OpenGVLab/Official-ConvMAE-Det. An
/// encoder of another depth has its global blocks spread over it as evenly as the published ones.
/// Throws UserError, naming the choices, for another name.
DetectorConfig detector_preset(const std::string& name, const std::string& model = "base");
/// The same upon any encoder, of whose images it is.
DetectorConfig detector_preset(const std::string& name, const EncoderConfig& encoder);

/// Throws UserError unless the configuration describes a detector.
void validate(const DetectorConfig& config);

/// The part of it that is the encoder.
BackboneConfig backbone_config(const DetectorConfig& config);
/// Pixels between the places of each level, from p2.
std::vector<std::int64_t> level_strides(const DetectorConfig& config);
/// The side of a predicted mask.
inline std::int64_t mask_size(const DetectorConfig& config) { return 2 * config.roi.mask_pool; }
inline std::int64_t anchors_per_place(const DetectorConfig& config) {
  return std::ssize(config.proposals.aspect_ratios);
}

/// A JSON object, all fields side by side; `from_json` throws UserError on an unknown or missing
/// key or a wrong type, not for what makes no detector.
std::string to_json(const DetectorConfig& config);
DetectorConfig detector_config_from_json(const std::string& text);

}  // namespace convmae
