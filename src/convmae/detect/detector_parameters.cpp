#include "convmae/detect/detector_parameters.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using Shape = std::vector<std::int64_t>;

/// Rows of a table of relative positions on that grid.
std::int64_t distances(Size grid) { return (2 * grid.height - 1) * (2 * grid.width - 1); }

class DetectorListing {
 public:
  DetectorListing(const DetectorConfig& config, const ParameterVisitor& visit)
      : config_(config), grid_(geometry_of(config.encoder).grid()), visit_(visit) {}

  void pyramid_and_encoder() const {
    if (config_.pyramid == PyramidKind::feature) {
      feature_pyramid();
      encoder("backbone.bottom_up.");
    } else {
      simple_pyramid();
      encoder("backbone.net.");
    }
  }

  void proposal_head() const {
    const std::string head = "proposal_generator.rpn_head.";
    const std::vector<std::int64_t>& widths = config_.proposals.conv_dims;
    std::int64_t in = config_.out_channels;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      convolution(head + (widths.size() == 1 ? "conv" : "conv.conv" + std::to_string(i)), in,
                  widths[i], 3);
      in = widths[i];
    }
    convolution(head + "objectness_logits", in, anchors_per_place(config_), 1);
    convolution(head + "anchor_deltas", in, 4 * anchors_per_place(config_), 1);
  }

  void box_head() const {
    const std::string head = "roi_heads.box_head.";
    std::int64_t in = config_.out_channels;
    int number = 1;
    for (const std::int64_t width : config_.roi.box_conv_dims) {
      normed_convolution(head + "conv" + std::to_string(number++), in, width, 3, config_.norm);
      in = width;
    }
    in *= config_.roi.box_pool * config_.roi.box_pool;
    number = 1;
    for (const std::int64_t width : config_.roi.box_fc_dims) {
      linear(head + "fc" + std::to_string(number++), in, width);
      in = width;
    }
    linear("roi_heads.box_predictor.cls_score", in, config_.num_classes + 1);
    linear("roi_heads.box_predictor.bbox_pred", in, 4 * config_.num_classes);
  }

  void mask_head() const {
    if (!config_.roi.masks) return;
    const std::string head = "roi_heads.mask_head.";
    const std::vector<std::int64_t>& widths = config_.roi.mask_conv_dims;
    std::int64_t in = config_.out_channels;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      normed_convolution(head + "mask_fcn" + std::to_string(i + 1), in, widths[i], 3, config_.norm);
      in = widths[i];
    }
    upsampling(head + "deconv", in, widths.back());
    convolution(head + "predictor", widths.back(), config_.num_classes, 1);
  }

 private:
  void add(const std::string& name, Shape shape, bool fixed = false) const {
    if (!checked_numel(shape)) {
      throw UserError("the tensor " + name +
                      " of such a detector would have more than 2^63 numbers: choose smaller "
                      "sizes");
    }
    visit_({name, std::move(shape), fixed});
  }

  void weight_and_bias(const std::string& name, Shape weight, std::int64_t bias) const {
    add(name + ".weight", std::move(weight));
    add(name + ".bias", {bias});
  }

  void convolution(const std::string& name, std::int64_t in, std::int64_t out,
                   std::int64_t kernel) const {
    weight_and_bias(name, {out, in, kernel, kernel}, out);
  }

  void linear(const std::string& name, std::int64_t in, std::int64_t out) const {
    weight_and_bias(name, {out, in}, out);
  }

  void upsampling(const std::string& name, std::int64_t in, std::int64_t out) const {
    weight_and_bias(name, {in, out, 2, 2}, out);
  }

  void normed_convolution(const std::string& name, std::int64_t in, std::int64_t out,
                          std::int64_t kernel, ConvolutionNorm norm) const {
    add(name + ".weight", {out, in, kernel, kernel});
    weight_and_bias(name + ".norm", {out}, out);
    if (norm != ConvolutionNorm::batch) return;
    add(name + ".norm.running_mean", {out});
    add(name + ".norm.running_var", {out});
    add(name + ".norm.num_batches_tracked", {});
  }

  void feature_pyramid() const {
    const std::vector<std::int64_t>& dim = config_.encoder.embed_dim;
    int level = 2;
    for (const std::int64_t in : {dim[0], dim[1], dim[2], dim[2]}) {
      const std::string number = std::to_string(level++);
      normed_convolution("backbone.fpn_lateral" + number, in, config_.out_channels, 1,
                         config_.norm);
      normed_convolution("backbone.fpn_output" + number, config_.out_channels, config_.out_channels,
                         3, config_.norm);
    }
  }

  void simple_pyramid() const {
    const std::int64_t dim = config_.encoder.embed_dim[2];
    const auto part = [](int level, int number) {
      return "backbone.simfp_" + std::to_string(level) + "." + std::to_string(number);
    };
    const auto reduce_and_smooth = [&](int level, int number, std::int64_t in) {
      const std::int64_t out = config_.out_channels;
      normed_convolution(part(level, number), in, out, 1, ConvolutionNorm::layer);
      normed_convolution(part(level, number + 1), out, out, 3, ConvolutionNorm::layer);
    };
    upsampling(part(2, 0), dim, dim / 2);
    weight_and_bias(part(2, 1), {dim / 2}, dim / 2);
    upsampling(part(2, 3), dim / 2, dim / 2 / 2);
    reduce_and_smooth(2, 4, dim / 2 / 2);
    upsampling(part(3, 0), dim, dim / 2);
    reduce_and_smooth(3, 1, dim / 2);
    reduce_and_smooth(4, 0, dim);
    reduce_and_smooth(5, 1, dim);
  }

  void encoder(const std::string& prefix) const {
    // The number of the block whose attention comes next.
    std::int64_t block = 0;
    for_each_parameter(config_.encoder, [&](const ParameterShape& parameter) {
      if (parameter.name == "pos_embed") return positions(prefix + parameter.name);
      if (parameter.name.starts_with("blocks3.") && parameter.name.ends_with(".attn.qkv.weight")) {
        block_positions(prefix + "blocks3." + std::to_string(block) + ".attn.", block);
        ++block;
      }
      add(prefix + parameter.name, parameter.shape, parameter.fixed);
    });
    const auto table = [&](const char* name, Size grid) {
      add(prefix + name + ".relative_position_bias_table",
          {distances(grid), config_.encoder.num_heads});
    };
    if (config_.relative_position == RelativePosition::shared) table("rel_pos_bias", grid_);
    if (config_.relative_position == RelativePosition::global_and_windowed) {
      table("windowed_rel_pos_bias", {config_.window.side, config_.window.side});
      table("global_rel_pos_bias", grid_);
    }
  }

  void positions(const std::string& name) const {
    const Size grid = *backbone_config(config_).position_grid;
    add(name, {1, grid.height * grid.width, config_.encoder.embed_dim[2]},
        /*fixed=*/!config_.train_positions);
  }

  void block_positions(const std::string& attention, std::int64_t block) const {
    const bool windowed = std::ranges::count(config_.windowed_blocks, block) > 0;
    const Size grid = windowed ? Size{config_.window.side, config_.window.side} : grid_;
    const std::int64_t heads = config_.encoder.num_heads;
    if (config_.relative_position == RelativePosition::per_block) {
      add(attention + "relative_position_bias_table", {distances(grid), heads});
    }
    if (config_.relative_position == RelativePosition::decomposed) {
      const std::int64_t dim = config_.encoder.embed_dim[2] / heads;
      add(attention + "rel_pos_h", {2 * grid.height - 1, dim});
      add(attention + "rel_pos_w", {2 * grid.width - 1, dim});
    }
  }

  const DetectorConfig& config_;
  Size grid_;
  const ParameterVisitor& visit_;
};

}  // namespace

void for_each_parameter(const DetectorConfig& config, const ParameterVisitor& visit) {
  const DetectorListing listing(config, visit);
  listing.pyramid_and_encoder();
  listing.proposal_head();
  listing.box_head();
  listing.mask_head();
}

}  // namespace convmae
