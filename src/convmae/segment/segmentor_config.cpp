#include "convmae/segment/segmentor_config.h"

#include "convmae/base/error.h"

#include <algorithm>
#include <limits>

namespace convmae {
namespace {

// Far beyond every segmentor that was ever trained.
constexpr std::int64_t kMostChannels = std::int64_t{1} << 20;
constexpr std::int64_t kMostBins = 1024;
/// What label maps have numbers for.
constexpr std::int64_t kMostClasses = 32767;
/// The side of the kernel that makes the fourth map.
constexpr std::int64_t kFourthKernel = 3;

void require(bool holds, const std::string& expected, const std::string& found) {
  if (!holds) throw UserError("a segmentor needs " + expected + ", found " + found);
}

std::string text_of(const std::vector<std::int64_t>& values) {
  std::string text;
  for (const std::int64_t value : values) {
    if (!text.empty()) text += ',';
    text += std::to_string(value);
  }
  return text.empty() ? "none" : text;
}

bool is_map(std::int64_t map) { return map >= 0 && map <= kFourthMap; }

void validate_maps(const SegmentorConfig& config) {
  const bool ascending =
      std::ranges::adjacent_find(config.maps, std::ranges::greater_equal()) == config.maps.end();
  require(!config.maps.empty() && ascending && std::ranges::all_of(config.maps, is_map),
          "maps for its head, ascending numbers of 0 to 3", text_of(config.maps));
  require(config.aux_channels >= 0 && config.aux_channels <= kMostChannels,
          "0 to 1048576 channels in its auxiliary head", std::to_string(config.aux_channels));
  require(config.aux_channels == 0 || is_map(config.aux_map),
          "a map from 0 to 3 for its auxiliary head", std::to_string(config.aux_map));
  const Size grid = geometry_of(config.encoder).grid();
  require(!reads_map(config, kFourthMap) || std::min(grid.height, grid.width) >= kFourthKernel,
          "images of 3 blocks a side or more where map 3 is read",
          std::to_string(grid.height) + "x" + std::to_string(grid.width) + " blocks");
}

}  // namespace

SegmentorConfig segmentor_preset(const std::string& model) {
  SegmentorConfig config;
  const Size crop = config.encoder.img_size;
  config.encoder = model_preset(model, Method::convmae).encoder;
  config.encoder.img_size = crop;
  config.channels = config.encoder.embed_dim.back();
  return config;
}

void validate(const SegmentorConfig& config) {
  require(config.encoder.kind == EncoderKind::conv_vit, "the encoder of ConvMAE", "that of MAE");
  validate(config.encoder);
  require(config.relative_position == RelativePosition::none ||
              config.relative_position == RelativePosition::per_block ||
              config.relative_position == RelativePosition::shared,
          "relative positions that are none, per_block or shared", "others");
  require(config.layer_scale >= 0 && config.layer_scale < std::numeric_limits<double>::infinity(),
          "a layer scale of 0 or more", std::to_string(config.layer_scale));
  require(config.drop_path >= 0 && config.drop_path <= 1, "a drop path rate from 0 to 1",
          std::to_string(config.drop_path));
  require(config.dropout >= 0 && config.dropout < 1, "a dropout rate from 0 to below 1",
          std::to_string(config.dropout));
  require(config.channels >= 1 && config.channels <= kMostChannels,
          "1 to 1048576 channels in its head", std::to_string(config.channels));
  require(std::ranges::all_of(config.pool_scales,
                              [](std::int64_t scale) { return scale >= 1 && scale <= kMostBins; }),
          "pool scales from 1 to 1024", text_of(config.pool_scales));
  require(config.aux_weight >= 0 && config.aux_weight < std::numeric_limits<double>::infinity(),
          "a weight of 0 or more for its auxiliary head", std::to_string(config.aux_weight));
  require(config.num_classes >= 2 && config.num_classes <= kMostClasses, "2 to 32767 classes",
          std::to_string(config.num_classes));
  validate_maps(config);
}

void require_batch(const SegmentorConfig& config, std::int64_t images) {
  std::int64_t numbers = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t scale : config.pool_scales) numbers = std::min(numbers, scale * scale);
  for (std::int64_t map = 0; map <= kFourthMap; ++map) {
    if (!reads_map(config, map)) continue;
    const Size size = map_size(config, map);
    numbers = std::min(numbers, size.height * size.width);
  }
  if (numbers > 1 || images != 1) return;
  throw UserError(
      "training needs two images a batch or more where batch norm sees one number a channel and "
      "image (pool scale 1, or a map of one place), found 1: raise --batch_size, or choose other "
      "pool scales or a larger crop");
}

bool reads_map(const SegmentorConfig& config, std::int64_t map) {
  return std::ranges::count(config.maps, map) > 0 ||
         (config.aux_channels > 0 && config.aux_map == map);
}

std::int64_t map_channels(const SegmentorConfig& config, std::int64_t map) {
  return config.encoder.embed_dim.at(static_cast<std::size_t>(std::min(map, kFourthMap - 1)));
}

Size map_size(const SegmentorConfig& config, std::int64_t map) {
  const Geometry geometry = geometry_of(config.encoder);
  const Size grid = geometry.grid();
  if (map == kFourthMap) return {(grid.height - 1) / 2, (grid.width - 1) / 2};
  const std::int64_t cells = geometry.cells_per_side(static_cast<int>(map) + 1);
  return {grid.height * cells, grid.width * cells};
}

BackboneConfig backbone_of(const SegmentorConfig& config) {
  BackboneConfig backbone;
  backbone.encoder = config.encoder;
  backbone.relative_position = config.relative_position;
  if (config.layer_scale > 0) backbone.layer_scale = config.layer_scale;
  backbone.conv_eps = 1e-5;
  backbone.eps = 1e-5;
  return backbone;
}

}  // namespace convmae
