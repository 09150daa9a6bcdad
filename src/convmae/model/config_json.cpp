#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/model/config.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

/// Calls `field(name, value)` for every field of a configuration that is a number, a list or a
/// switch, in the order of the file; `Config` is const for writing and not for reading.
template <typename Config, typename Field>
void for_each_field(Config& config, Field field) {
  field("in_chans", config.encoder.in_chans);
  field("patch_size", config.encoder.patch_size);
  field("embed_dim", config.encoder.embed_dim);
  field("depth", config.encoder.depth);
  field("mlp_ratio", config.encoder.mlp_ratio);
  field("kernel_size", config.encoder.kernel_size);
  field("num_heads", config.encoder.num_heads);
  field("decoder_embed_dim", config.decoder.embed_dim);
  field("decoder_depth", config.decoder.depth);
  field("decoder_num_heads", config.decoder.num_heads);
  field("mask_ratio", config.masking.ratio);
  field("groups", config.masking.groups);
  field("norm_pix_loss", config.decoder.norm_pix_loss);
  field("masked_conv", config.encoder.masked_conv);
  field("fusion", config.encoder.fusion);
  field("use_decoder_pos_embed", config.decoder.use_pos_embed);
}

}  // namespace

std::string to_json(const ModelConfig& config) {
  Json json;
  json["method"] = to_string(config.method);
  json["img_size"] = {config.encoder.img_size.height, config.encoder.img_size.width};
  for_each_field(config, [&](const char* name, const auto& value) { json[name] = value; });
  json["mask_unit"] = to_string(config.masking.unit);
  json["position"] = to_string(config.encoder.position);
  return json_text(json);
}

ModelConfig model_config_from_json(const std::string& text) {
  JsonFields fields(text, "the model configuration");
  const auto read = [&](const char* name, auto& value) { fields.take(name, value); };
  ModelConfig config;
  std::string method;
  std::string mask_unit;
  std::string position = to_string(config.encoder.position);
  std::vector<std::int64_t> size;
  read("method", method);
  read("img_size", size);
  for_each_field(config, read);
  read("mask_unit", mask_unit);
  if (fields.has("position")) {
    read("position", position);
  } else if (fields.has("use_pos_embed")) {
    bool table = true;
    read("use_pos_embed", table);
    if (!table) position = to_string(PositionEncoding::none);
  }
  if (size.size() != 2) throw UserError("the model configuration's img_size is not two numbers");
  fields.finish();
  config.method = parse_method(method);
  config.encoder.kind = encoder_kind(config.method);
  config.encoder.img_size = {size[0], size[1]};
  config.masking.unit = parse_mask_unit(mask_unit);
  config.encoder.position = parse_position_encoding(position);
  return config;
}

}  // namespace convmae
