#include "convmae/detect/detector_config.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

namespace convmae {
namespace {

// Far beyond every detector that was ever trained, and small enough to be multiplied.
constexpr std::int64_t kMost = std::int64_t{1} << 20;

void require(bool holds, const std::string& message) {
  if (!holds) throw UserError(message);
}

void require_count(std::int64_t value, const char* name, std::int64_t least = 1) {
  require(value >= least && value <= kMost,
          std::string(name) + " must be between " + std::to_string(least) + " and " +
              std::to_string(kMost) + ", found " + std::to_string(value));
}

void require_counts(std::span<const std::int64_t> values, const char* name) {
  for (const std::int64_t value : values) require_count(value, name);
}

void require_share(double value, const char* name) {
  require(value >= 0 && value <= 1,
          std::string(name) + " must lie between 0 and 1, found " + std::to_string(value));
}

void require_positive(double value, const char* name) {
  require(std::isfinite(value) && value > 0,
          std::string(name) + " must be above 0, found " + std::to_string(value));
}

template <typename T>
void require_length(const std::vector<T>& values, std::size_t length, const char* name) {
  require(values.size() == length, std::string(name) + " takes " + std::to_string(length) +
                                       " numbers, found " + std::to_string(values.size()));
}

void validate_encoder(const DetectorConfig& config) {
  const EncoderConfig& encoder = config.encoder;
  require(encoder.kind == EncoderKind::conv_vit,
          "detectors stand upon encoders of convmae: choose another model");
  validate(encoder);
  EncoderConfig at_start = encoder;
  at_start.img_size = config.position_img_size;
  validate(at_start);
  require(config.pyramid == PyramidKind::simple ||
              (encoder.patch_size[1] == 2 && encoder.patch_size[2] == 2),
          "a feature pyramid needs stages that are half as large each: choose a patch_size that "
          "ends in 2, 2, or the simple pyramid");
  const Geometry geometry = geometry_of(encoder);
  const std::int64_t coarsest = 2 * geometry.block();
  const Size image = encoder.img_size;
  require(image.height % coarsest == 0 && image.width % coarsest == 0,
          "the levels of a detector need images whose sides are multiples of " +
              std::to_string(coarsest) + ", found " + std::to_string(image.height) + "x" +
              std::to_string(image.width));
  const auto block = static_cast<std::uint64_t>(geometry.block());
  require(block >= 4 && std::has_single_bit(block),
          "the levels of a detector need a power of two from 4 on as the product of patch_size, "
          "found " +
              std::to_string(block));
}

void validate_windows(const DetectorConfig& config) {
  const std::int64_t depth = config.encoder.depth[2];
  std::vector<std::int64_t> blocks = config.windowed_blocks;
  std::ranges::sort(blocks);
  require(std::ranges::adjacent_find(blocks) == blocks.end(),
          "windowed_blocks has a block more than once");
  require(blocks.empty() || (blocks.front() >= 0 && blocks.back() < depth),
          "windowed_blocks must lie between 0 and " + std::to_string(depth - 1) +
              ", the blocks of stage 3");
  require_count(config.window.side, "window_size");
  const Size grid = geometry_of(config.encoder).grid();
  const std::int64_t side = config.window.side;
  require(config.window.shift >= 0 && config.window.shift < side,
          "window_shift must lie between 0 and window_size - 1, found " +
              std::to_string(config.window.shift));
  require(config.window.shift == 0 || !config.window.padded,
          "windows that are padded are not shifted: choose a window_shift of 0");
  require(
      blocks.empty() || config.window.padded || (grid.height % side == 0 && grid.width % side == 0),
      "windows of " + std::to_string(side) + " do not divide a grid of " +
          std::to_string(grid.height) + "x" + std::to_string(grid.width) +
          ": choose another window_size or img_size, or windows that are padded");
}

void validate_proposals(const ProposalConfig& config, std::size_t levels) {
  require(!config.conv_dims.empty(), "rpn_conv_dims needs a convolution or more");
  require_counts(config.conv_dims, "rpn_conv_dims");
  require_length(config.anchor_sizes, levels, "anchor_sizes");
  for (const double size : config.anchor_sizes) require_positive(size, "anchor_sizes");
  require(!config.aspect_ratios.empty() && config.aspect_ratios.size() <= 100,
          "aspect_ratios takes between 1 and 100 numbers");
  for (const double ratio : config.aspect_ratios) require_positive(ratio, "aspect_ratios");
  require_share(config.anchor_offset, "anchor_offset");
  require_length(config.bbox_weights, 4, "rpn_bbox_weights");
  for (const double weight : config.bbox_weights) require_positive(weight, "rpn_bbox_weights");
  require_length(config.thresholds, 2, "rpn_thresholds");
  for (const double threshold : config.thresholds) require_share(threshold, "rpn_thresholds");
  require(config.thresholds[0] <= config.thresholds[1], "rpn_thresholds must not fall");
  require_count(config.batch, "rpn_batch");
  require_share(config.positive_fraction, "rpn_positive_fraction");
  require_length(config.pre_nms_topk, 2, "pre_nms_topk");
  require_counts(config.pre_nms_topk, "pre_nms_topk");
  require_length(config.post_nms_topk, 2, "post_nms_topk");
  require_counts(config.post_nms_topk, "post_nms_topk");
  require_share(config.nms_thresh, "rpn_nms_thresh");
  require(config.min_box_size >= 0, "rpn_min_box_size must not be negative");
}

void validate_roi(const RoiConfig& config) {
  require_count(config.batch, "roi_batch");
  require_share(config.positive_fraction, "roi_positive_fraction");
  require_share(config.threshold, "roi_threshold");
  require_length(config.bbox_weights, 4, "roi_bbox_weights");
  for (const double weight : config.bbox_weights) require_positive(weight, "roi_bbox_weights");
  require_positive(config.canonical_box_size, "canonical_box_size");
  require_count(config.canonical_level, "canonical_level", 0);
  require_count(config.sampling_ratio, "sampling_ratio", 0);
  require_count(config.box_pool, "box_pool");
  require_counts(config.box_conv_dims, "box_conv_dims");
  require_counts(config.box_fc_dims, "box_fc_dims");
  require(!config.box_fc_dims.empty(), "box_fc_dims needs a layer or more");
  require_count(config.mask_pool, "mask_pool");
  require_counts(config.mask_conv_dims, "mask_conv_dims");
  require(!config.mask_conv_dims.empty(),
          "mask_conv_dims needs one width or more: the last is that of the upsampling");
}

void validate_detections(const DetectionConfig& config) {
  require_share(config.score_thresh, "score_thresh");
  require_share(config.nms_thresh, "nms_thresh");
  require_count(config.topk_per_image, "topk_per_image");
  require_share(config.mask_threshold, "mask_threshold");
}

/// The blocks of `depth` that attend in windows, where four are global: those of the published
/// depth as published, of others the last of each quarter.
std::vector<std::int64_t> windowed_blocks(std::int64_t depth,
                                          const std::vector<std::int64_t>& published_global) {
  constexpr std::int64_t kPublishedDepth = 11;
  constexpr std::int64_t kGlobal = 4;
  std::vector<std::int64_t> global = published_global;
  if (depth != kPublishedDepth) {
    global.clear();
    for (std::int64_t i = 1; i <= kGlobal; ++i) global.push_back(i * depth / kGlobal - 1);
  }
  std::vector<std::int64_t> windowed;
  for (std::int64_t block = 0; block < depth; ++block) {
    if (std::ranges::count(global, block) == 0) windowed.push_back(block);
  }
  return windowed;
}

}  // namespace

std::vector<std::string> detector_names() { return {"alpha", "official"}; }

DetectorConfig detector_preset(const std::string& name, const std::string& model) {
  EncoderConfig encoder = model_preset(model, Method::convmae).encoder;
  encoder.img_size = {1024, 1024};
  return detector_preset(name, encoder);
}

DetectorConfig detector_preset(const std::string& name, const EncoderConfig& encoder) {
  DetectorConfig config;
  config.encoder = encoder;
  if (encoder.depth.size() != 3) validate_encoder(config);  // says what is wrong with it
  const std::int64_t depth = config.encoder.depth[2];
  if (name == "alpha") {
    config.windowed_blocks = windowed_blocks(depth, {0, 3, 6, 10});
    config.position_img_size = encoder.img_size;
    return config;
  }
  if (name == "official") {
    config.relative_position = RelativePosition::decomposed;
    config.window = {14, /*padded=*/true};
    config.windowed_blocks = windowed_blocks(depth, {1, 4, 7, 10});
    config.position_img_size = {224, 224};
    config.train_positions = true;
    config.conv_eps = 1e-6;
    config.drop_path_unit = DropPathUnit::image;
    config.pyramid = PyramidKind::simple;
    config.norm = ConvolutionNorm::layer;
    config.detection.rescaling = BoxRescaling::two_factors;
    return config;
  }
  throw UserError("no detector is named " + quote(name) + ": choose alpha or official");
}

void validate(const DetectorConfig& config) {
  validate_encoder(config);
  validate_windows(config);
  require_positive(config.conv_eps, "conv_eps");
  require_positive(config.eps, "eps");
  require_count(config.out_channels, "out_channels");
  validate_proposals(config.proposals, level_strides(config).size());
  validate_roi(config.roi);
  require(std::isfinite(config.smooth_l1_beta) && config.smooth_l1_beta >= 0,
          "smooth_l1_beta must not be negative");
  validate_detections(config.detection);
  require_count(config.num_classes, "num_classes");
}

BackboneConfig backbone_config(const DetectorConfig& config) {
  BackboneConfig backbone;
  backbone.encoder = config.encoder;
  backbone.relative_position = config.relative_position;
  backbone.conv_eps = config.conv_eps;
  backbone.eps = config.eps;
  backbone.window = config.window;
  backbone.windowed_blocks = config.windowed_blocks;
  EncoderConfig at_start = config.encoder;
  at_start.img_size = config.position_img_size;
  backbone.position_grid = geometry_of(at_start).grid();
  backbone.train_positions = config.train_positions;
  return backbone;
}

std::vector<std::int64_t> level_strides(const DetectorConfig& config) {
  const Geometry geometry = geometry_of(config.encoder);
  std::vector<std::int64_t> strides;
  // p2 is a quarter of the stride of stage 3 (with a feature pyramid it is stage 1), p6 four times.
  std::int64_t stride = geometry.block() / 4;
  for (int level = 2; level <= 6; ++level, stride *= 2) strides.push_back(stride);
  return strides;
}

}  // namespace convmae
