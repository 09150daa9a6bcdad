#pragma once

#include "convmae/detect/detector_config.h"

#include <array>

/// The fields of a detector's configuration by name, for its JSON and for flags.
namespace convmae {

/// A choice by its name.
template <typename T>
struct NamedChoice {
  T value;
  const char* name;
};

inline constexpr std::array kRelativePositions{
    NamedChoice<RelativePosition>{RelativePosition::none, "none"},
    NamedChoice<RelativePosition>{RelativePosition::per_block, "per_block"},
    NamedChoice<RelativePosition>{RelativePosition::shared, "shared"},
    NamedChoice<RelativePosition>{RelativePosition::global_and_windowed, "global_and_windowed"},
    NamedChoice<RelativePosition>{RelativePosition::decomposed, "decomposed"}};
inline constexpr std::array kDropPathUnits{
    NamedChoice<DropPathUnit>{DropPathUnit::image, "image"},
    NamedChoice<DropPathUnit>{DropPathUnit::window, "window"}};
inline constexpr std::array kPyramids{NamedChoice<PyramidKind>{PyramidKind::feature, "feature"},
                                      NamedChoice<PyramidKind>{PyramidKind::simple, "simple"}};
inline constexpr std::array kNorms{NamedChoice<ConvolutionNorm>{ConvolutionNorm::batch, "batch"},
                                   NamedChoice<ConvolutionNorm>{ConvolutionNorm::layer, "layer"}};
inline constexpr std::array kRescalings{
    NamedChoice<BoxRescaling>{BoxRescaling::one_factor, "one_factor"},
    NamedChoice<BoxRescaling>{BoxRescaling::two_factors, "two_factors"}};

/// Calls `field(name, value)` for every number, list and switch, and `choice(name, value, names)`
/// for every choice, in the order of the file; `Config` is const for writing and not for reading.
template <typename Config, typename Field, typename Choice>
void for_each_detector_field(Config& config, Field field, Choice choice) {
  field("in_chans", config.encoder.in_chans);
  field("patch_size", config.encoder.patch_size);
  field("embed_dim", config.encoder.embed_dim);
  field("depth", config.encoder.depth);
  field("mlp_ratio", config.encoder.mlp_ratio);
  field("kernel_size", config.encoder.kernel_size);
  field("num_heads", config.encoder.num_heads);
  choice("relative_position", config.relative_position, kRelativePositions);
  field("window_size", config.window.side);
  field("window_padded", config.window.padded);
  field("window_shift", config.window.shift);
  field("windowed_blocks", config.windowed_blocks);
  field("train_positions", config.train_positions);
  field("conv_eps", config.conv_eps);
  field("eps", config.eps);
  choice("drop_path_unit", config.drop_path_unit, kDropPathUnits);
  choice("pyramid", config.pyramid, kPyramids);
  field("out_channels", config.out_channels);
  choice("norm", config.norm, kNorms);
  field("rpn_conv_dims", config.proposals.conv_dims);
  field("anchor_sizes", config.proposals.anchor_sizes);
  field("aspect_ratios", config.proposals.aspect_ratios);
  field("anchor_offset", config.proposals.anchor_offset);
  field("rpn_bbox_weights", config.proposals.bbox_weights);
  field("rpn_thresholds", config.proposals.thresholds);
  field("rpn_batch", config.proposals.batch);
  field("rpn_positive_fraction", config.proposals.positive_fraction);
  field("pre_nms_topk", config.proposals.pre_nms_topk);
  field("post_nms_topk", config.proposals.post_nms_topk);
  field("rpn_nms_thresh", config.proposals.nms_thresh);
  field("rpn_min_box_size", config.proposals.min_box_size);
  field("roi_batch", config.roi.batch);
  field("roi_positive_fraction", config.roi.positive_fraction);
  field("roi_threshold", config.roi.threshold);
  field("roi_bbox_weights", config.roi.bbox_weights);
  field("canonical_box_size", config.roi.canonical_box_size);
  field("canonical_level", config.roi.canonical_level);
  field("sampling_ratio", config.roi.sampling_ratio);
  field("box_pool", config.roi.box_pool);
  field("box_conv_dims", config.roi.box_conv_dims);
  field("box_fc_dims", config.roi.box_fc_dims);
  field("masks", config.roi.masks);
  field("mask_pool", config.roi.mask_pool);
  field("mask_conv_dims", config.roi.mask_conv_dims);
  field("smooth_l1_beta", config.smooth_l1_beta);
  field("score_thresh", config.detection.score_thresh);
  field("nms_thresh", config.detection.nms_thresh);
  field("topk_per_image", config.detection.topk_per_image);
  field("mask_threshold", config.detection.mask_threshold);
  choice("box_rescaling", config.detection.rescaling, kRescalings);
  field("num_classes", config.num_classes);
}

}  // namespace convmae
