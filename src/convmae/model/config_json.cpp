#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/model/config.h"

#include <nlohmann/json.hpp>

#include <optional>

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

// Whether `json` is a value of that type, which it then becomes.

bool take(const Json& json, std::int64_t& value) {
  const std::optional<std::int64_t> whole = whole_number(json);
  if (whole) value = *whole;
  return whole.has_value();
}

bool take(const Json& json, double& value) {
  if (json.is_number()) value = json.get<double>();
  return json.is_number();
}

bool take(const Json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
  return json.is_boolean();
}

bool take(const Json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
  return json.is_string();
}

template <typename T>
bool take(const Json& json, std::vector<T>& values) {
  if (!json.is_array()) return false;
  values.assign(json.size(), T{});
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!take(json[i], values[i])) return false;
  }
  return true;
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
  // What nests deeper could not be written into a message.
  constexpr int kMostLevels = 3;
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMostLevels; };
  Json json = Json::parse(text, shallow, /*allow_exceptions=*/false);
  if (!json.is_object()) throw UserError("the model configuration is not a JSON object");
  const auto read = [&](const char* name, auto& value) {
    const auto found = json.find(name);
    if (found == json.end()) {
      throw UserError(std::string("the model configuration has no ") + name);
    }
    if (!take(*found, value)) {
      throw UserError(std::string("the model configuration has no usable ") + name + ": " +
                      quote(json_text(*found)));
    }
    json.erase(found);
  };
  ModelConfig config;
  std::string method;
  std::string mask_unit;
  std::string position = to_string(config.encoder.position);
  std::vector<std::int64_t> size;
  read("method", method);
  read("img_size", size);
  for_each_field(config, read);
  read("mask_unit", mask_unit);
  if (json.contains("position")) {
    read("position", position);
  } else if (json.contains("use_pos_embed")) {
    bool table = true;
    read("use_pos_embed", table);
    if (!table) position = to_string(PositionEncoding::none);
  }
  if (size.size() != 2) throw UserError("the model configuration's img_size is not two numbers");
  if (!json.empty()) {
    throw UserError("the model configuration has an unknown key " + quote(json.begin().key()));
  }
  config.method = parse_method(method);
  config.encoder.kind = encoder_kind(config.method);
  config.encoder.img_size = {size[0], size[1]};
  config.masking.unit = parse_mask_unit(mask_unit);
  config.encoder.position = parse_position_encoding(position);
  return config;
}

}  // namespace convmae
