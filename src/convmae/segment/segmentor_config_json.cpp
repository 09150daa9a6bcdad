#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/segment/segmentor_config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace convmae {
namespace {

constexpr std::array kRelativePositions{std::pair{RelativePosition::none, "none"},
                                        std::pair{RelativePosition::per_block, "per_block"},
                                        std::pair{RelativePosition::shared, "shared"}};

/// Calls `field(name, value)` for every field that is a number or a list, in the order of the file;
/// `Config` is const for writing and not for reading.
template <typename Config, typename Field>
void for_each_segmentor_field(Config& config, Field field) {
  field("in_chans", config.encoder.in_chans);
  field("patch_size", config.encoder.patch_size);
  field("embed_dim", config.encoder.embed_dim);
  field("depth", config.encoder.depth);
  field("mlp_ratio", config.encoder.mlp_ratio);
  field("kernel_size", config.encoder.kernel_size);
  field("num_heads", config.encoder.num_heads);
  field("layer_scale", config.layer_scale);
  field("drop_path", config.drop_path);
  field("maps", config.maps);
  field("channels", config.channels);
  field("pool_scales", config.pool_scales);
  field("aux_channels", config.aux_channels);
  field("aux_map", config.aux_map);
  field("aux_weight", config.aux_weight);
  field("dropout", config.dropout);
  field("num_classes", config.num_classes);
}

}  // namespace

std::string to_string(RelativePosition position) {
  return std::ranges::find(kRelativePositions, position,
                           &decltype(kRelativePositions)::value_type::first)
      ->second;
}

RelativePosition parse_relative_position(const std::string& name) {
  const auto* const found =
      std::ranges::find(kRelativePositions, name, [](const auto& entry) { return entry.second; });
  if (found != kRelativePositions.end()) return found->first;
  throw UserError("relative positions must be none, per_block or shared, found " + quote(name));
}

std::string to_json(const SegmentorConfig& config) {
  nlohmann::ordered_json json;
  json["img_size"] = {config.encoder.img_size.height, config.encoder.img_size.width};
  json["relative_position"] = to_string(config.relative_position);
  for_each_segmentor_field(config,
                           [&](const char* name, const auto& value) { json[name] = value; });
  return json_text(json);
}

SegmentorConfig segmentor_config_from_json(const std::string& text) {
  JsonFields fields(text, "the segmentor's configuration");
  SegmentorConfig config;
  std::vector<std::int64_t> size;
  std::string relative_position;
  fields.take("img_size", size);
  fields.take("relative_position", relative_position);
  for_each_segmentor_field(config,
                           [&](const char* name, auto& value) { fields.take(name, value); });
  fields.finish();
  if (size.size() != 2) {
    throw UserError("the segmentor's configuration has an img_size that is not two numbers");
  }
  config.encoder.img_size = {size[0], size[1]};
  try {
    config.relative_position = parse_relative_position(relative_position);
  } catch (const UserError& error) {
    throw UserError("the segmentor's configuration has an unknown relative_position: " +
                    std::string(error.what()));
  }
  return config;
}

}  // namespace convmae
