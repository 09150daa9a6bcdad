#include "convmae/detect/published_detector.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/detect/detector_parameters.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// Shapes by name.
class DetectorShapes {
 public:
  explicit DetectorShapes(std::span<const NamedShape> weights) {
    for (const NamedShape& weight : weights) shapes_.emplace(weight.name, weight.shape);
  }

  bool has(const std::string& name) const { return shapes_.contains(name); }
  /// A dimension of a tensor; 0 if there is none.
  std::int64_t size(const std::string& name, std::size_t dimension) const {
    const auto found = shapes_.find(name);
    return found == shapes_.end() || found->second.size() <= dimension ? 0
                                                                       : found->second[dimension];
  }
  /// The outputs of `start` with 1, 2, ... and then `.weight`.
  std::vector<std::int64_t> widths(const std::string& start, int first) const {
    std::vector<std::int64_t> found;
    for (int number = first; has(start + std::to_string(number) + ".weight"); ++number) {
      found.push_back(size(start + std::to_string(number) + ".weight", 0));
    }
    return found;
  }

 private:
  std::map<std::string, std::span<const std::int64_t>, std::less<>> shapes_;
};

std::int64_t whole_root(std::int64_t square) {
  return std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(square, 0))));
}

void read_heads(const DetectorShapes& shapes, DetectorConfig& config) {
  const std::string rpn = "proposal_generator.rpn_head.";
  config.proposals.conv_dims = shapes.widths(rpn + "conv.conv", 0);
  if (config.proposals.conv_dims.empty()) {
    config.proposals.conv_dims = {shapes.size(rpn + "conv.weight", 0)};
  }
  RoiConfig& roi = config.roi;
  const std::string box = "roi_heads.box_head.";
  roi.box_conv_dims = shapes.widths(box + "conv", 1);
  roi.box_fc_dims = shapes.widths(box + "fc", 1);
  const std::int64_t channels =
      roi.box_conv_dims.empty() ? config.out_channels : roi.box_conv_dims.back();
  roi.box_pool =
      whole_root(shapes.size(box + "fc1.weight", 1) / std::max<std::int64_t>(channels, 1));
  const std::string mask = "roi_heads.mask_head.";
  roi.masks = shapes.has(mask + "predictor.weight");
  if (roi.masks) {
    roi.mask_conv_dims = shapes.widths(mask + "mask_fcn", 1);
    roi.mask_conv_dims.push_back(shapes.size(mask + "deconv.weight", 1));
  }
  config.num_classes = shapes.size("roi_heads.box_predictor.cls_score.weight", 0) - 1;
}

/// Tables of relative positions tell windows and grid of the second detector.
void read_decomposed_windows(const DetectorShapes& shapes, DetectorConfig& config) {
  std::vector<Size> grids;
  for (std::int64_t block = 0; block < config.encoder.depth[2]; ++block) {
    const std::string attention = "backbone.net.blocks3." + std::to_string(block) + ".attn.";
    grids.push_back({(shapes.size(attention + "rel_pos_h", 0) + 1) / 2,
                     (shapes.size(attention + "rel_pos_w", 0) + 1) / 2});
  }
  const auto by_height = [](Size a, Size b) { return a.height < b.height; };
  const auto [smallest, largest] = std::ranges::minmax(grids, by_height);
  config.windowed_blocks.clear();
  for (std::size_t block = 0; block < grids.size(); ++block) {
    if (smallest == largest || grids[block] == largest) continue;
    config.windowed_blocks.push_back(static_cast<std::int64_t>(block));
  }
  if (!(smallest == largest)) config.window.side = smallest.height;
  const std::int64_t stride = geometry_of(config.encoder).block();
  config.encoder.img_size = {largest.height * stride, largest.width * stride};
}

}  // namespace

std::optional<DetectorConfig> detector_config_of(std::span<const NamedShape> weights) {
  const DetectorShapes shapes(weights);
  const std::optional<Architecture> architecture = architecture_of(weights);
  if (!architecture || !shapes.has("roi_heads.box_predictor.cls_score.weight")) {
    return std::nullopt;
  }
  const bool first = architecture->prefix == "backbone.bottom_up.";
  if (!first && architecture->prefix != "backbone.net.") return std::nullopt;
  if (architecture->preset.empty()) {
    throw UserError(
        "its encoder has the sizes of no named model, so which of its blocks attend in windows is "
        "not known: give a file of convmae, which says it");
  }
  DetectorConfig config = detector_preset(first ? "alpha" : "official", architecture->preset);
  config.encoder = encoder_shapes_of(*architecture);
  if (architecture->num_heads) config.encoder.num_heads = *architecture->num_heads;
  config.position_img_size = config.encoder.img_size;
  config.out_channels =
      shapes.size(first ? "backbone.fpn_output2.weight" : "backbone.simfp_4.1.weight", 0);
  if (first) {
    const std::int64_t distances = whole_root(
        shapes.size("backbone.bottom_up.windowed_rel_pos_bias.relative_position_bias_table", 0));
    config.window.side = (distances + 1) / 2;
  } else {
    read_decomposed_windows(shapes, config);
  }
  read_heads(shapes, config);
  validate(config);
  return config;
}

std::shared_ptr<Detector> load_published_detector(const WeightFile& file) {
  std::vector<NamedShape> shapes;
  for (const Weight& weight : file.weights()) shapes.push_back({weight.name, weight.tensor.shape});
  const std::optional<DetectorConfig> config = detector_config_of(shapes);
  if (!config) {
    throw UserError(quote(file.path().string()) +
                    " holds no detector that this program knows: see `convmae inspect`");
  }
  for_each_parameter(*config, HeldTensors(file, /*prefix=*/"", HeldTensors::Lacking::none));
  auto detector = std::make_shared<Detector>(*config);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : named_tensors(*detector)) {
    read_tensor(file, *file.find(name), tensor);
  }
  detector->eval();
  return detector;
}

}  // namespace convmae
