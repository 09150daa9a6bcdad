#include "convmae/checkpoint/published_notes.h"

#include "convmae/base/json_number.h"
#include "convmae/io/value_json.h"

namespace convmae {

using Json = nlohmann::ordered_json;

Json noted_json(const WeightFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return nullptr;
  Json json = parse_shallow_json(found->second);
  return json.is_discarded() ? Json() : json;
}

std::optional<std::int64_t> published_epoch(const WeightFile& file) {
  if (const std::optional<std::int64_t> epoch = file.epoch()) return epoch;
  return whole_number(noted_json(file, kEpochKey));
}

Json training_arguments(const WeightFile& file) {
  if (const Value* const arguments = file.arguments()) return members_json(*arguments->members());
  Json noted = noted_json(file, kArgumentsKey);
  return noted.is_object() ? noted : Json();
}

void apply_training_arguments(const Json& arguments, ModelConfig& config) {
  if (!arguments.is_object()) return;
  const Json name = arguments.value("model", Json());
  if (config.method == Method::convmae && name.is_string() &&
      name.get_ref<const std::string&>().starts_with("fastconvmae")) {
    config.method = Method::fastconvmae;
  }
  const Json ratio = arguments.value("mask_ratio", Json());
  if (ratio.is_number()) config.masking.ratio = ratio.get<double>();
  const Json normalised = arguments.value("norm_pix_loss", Json());
  if (normalised.is_boolean()) config.decoder.norm_pix_loss = normalised.get<bool>();
  if (normalised.is_number()) config.decoder.norm_pix_loss = normalised.get<double>() != 0;
}

}  // namespace convmae
