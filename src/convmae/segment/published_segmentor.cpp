#include "convmae/segment/published_segmentor.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/model/named_tensors.h"
#include "convmae/segment/segmentor_shapes.h"

#include <ATen/core/grad_mode.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using Widths = std::vector<std::int64_t>;

/// Names and shapes of a file's heads.
class HeadShapes {
 public:
  explicit HeadShapes(const WeightFile& file) : file_(file) {}

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }

  /// Output and input channels of a convolution. Throws UserError if there is none.
  std::pair<std::int64_t, std::int64_t> convolution(const std::string& name) const {
    const Weight* const weight = file_.find(name);
    if (weight == nullptr || weight->tensor.shape.size() != 4) {
      throw UserError(quote(file_.path().string()) +
                      " holds no segmentor with UperNet (it has no " + name +
                      "): see `convmae inspect`");
    }
    return {weight->tensor.shape[0], weight->tensor.shape[1]};
  }

  /// How many members a list of convolutions has: `list`0`member`, `list`1`member`, ...
  std::int64_t count(const std::string& list, const std::string& member) const {
    std::int64_t count = 0;
    const auto name = [&] {
      return std::string(list).append(std::to_string(count)).append(member);
    };
    while (has(name())) ++count;
    return count;
  }

 private:
  const WeightFile& file_;
};

/// What the heads read: the maps of these widths, where the last two stages are as wide as each
/// other's unless the fourth map, which only `has_fourth` files have, is the last.
std::optional<Widths> maps_of_widths(const Widths& widths, const Widths& of_maps, bool has_fourth) {
  Widths maps;
  std::size_t map = 0;
  for (const std::int64_t width : widths) {
    while (map < of_maps.size() && of_maps[map] != width) ++map;
    if (map == of_maps.size()) return std::nullopt;
    maps.push_back(static_cast<std::int64_t>(map++));
  }
  if (has_fourth && maps.back() + 1 == kFourthMap) maps.back() = kFourthMap;
  return maps;
}

std::vector<std::int64_t> bins_of(std::int64_t pools, const std::filesystem::path& path) {
  std::vector<std::int64_t> published = SegmentorConfig().pool_scales;
  if (pools == 0) return {};
  if (pools != std::ssize(published)) {
    throw UserError(quote(path.string()) + " pools to " + std::to_string(pools) +
                    " sizes, and does not say which: this program knows the published 4");
  }
  return published;
}

void read_auxiliary_head(const HeadShapes& heads, const Widths& of_maps, SegmentorConfig& config) {
  config.aux_channels = 0;
  if (!heads.has("auxiliary_head.conv_seg.weight")) return;
  const auto [channels, width] = heads.convolution("auxiliary_head.convs.0.conv.weight");
  const std::optional<Widths> map = maps_of_widths({width}, of_maps, /*has_fourth=*/false);
  // It is for training alone: a file may be used without it.
  if (!map) return;
  config.aux_channels = channels;
  config.aux_map = map->front();
}

}  // namespace

SegmentorConfig segmentor_shapes_of(const WeightFile& file) {
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture || architecture->prefix != "backbone.") {
    throw UserError(quote(file.path().string()) +
                    " holds no segmentor of a known kind: see `convmae inspect`");
  }
  const HeadShapes heads(file);
  SegmentorConfig config;
  config.encoder = encoder_shapes_of(*architecture);
  if (architecture->num_heads) config.encoder.num_heads = *architecture->num_heads;
  if (config.encoder.num_heads == 0) {
    throw UserError("the width of the encoder in " + quote(file.path().string()) +
                    " belongs to no named model, so the number of attention heads is not known");
  }
  config.relative_position = RelativePosition::none;
  if (architecture->relative_position == "per block") {
    config.relative_position = RelativePosition::per_block;
  } else if (architecture->relative_position == "shared") {
    config.relative_position = RelativePosition::shared;
  }
  config.layer_scale = architecture->layer_scale ? 1 : 0;
  std::tie(config.num_classes, config.channels) = heads.convolution("decode_head.conv_seg.weight");
  const std::int64_t pools = heads.count("decode_head.psp_modules.", ".1.conv.weight");
  config.pool_scales = bins_of(pools, file.path());

  Widths of_maps = architecture->embed_dim;
  of_maps.push_back(of_maps.back());
  Widths widths;
  const std::int64_t laterals = heads.count("decode_head.lateral_convs.", ".conv.weight");
  for (std::int64_t i = 0; i < laterals; ++i) {
    const std::string number = std::to_string(i);
    widths.push_back(
        heads.convolution("decode_head.lateral_convs." + number + ".conv.weight").second);
  }
  widths.push_back(heads.convolution("decode_head.bottleneck.conv.weight").second -
                   pools * config.channels);
  const std::optional<Widths> maps =
      maps_of_widths(widths, of_maps, heads.has("backbone.fpn.0.weight"));
  if (!maps) {
    throw UserError("the head in " + quote(file.path().string()) +
                    " reads maps that its encoder does not give");
  }
  config.maps = *maps;
  read_auxiliary_head(heads, of_maps, config);
  validate(config);
  return config;
}

std::shared_ptr<Segmentor> load_published_segmentor(const std::filesystem::path& path) {
  const WeightFile file(path);
  const SegmentorConfig config = segmentor_shapes_of(file);
  for_each_parameter(config, HeldTensors(file, "", HeldTensors::Lacking::none));
  auto segmentor = std::make_shared<Segmentor>(config);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : named_tensors(*segmentor)) {
    read_tensor(file, *file.find(name), tensor);
  }
  segmentor->eval();
  return segmentor;
}

}  // namespace convmae
