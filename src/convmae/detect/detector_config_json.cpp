#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/detect/detector_config.h"
#include "convmae/detect/detector_fields.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(Size size) { return {size.height, size.width}; }

Size take_size(JsonFields& fields, const char* name) {
  std::vector<std::int64_t> sides;
  fields.take(name, sides);
  if (sides.size() != 2) {
    throw UserError(std::string("the detector configuration's ") + name + " is not two numbers");
  }
  return {sides[0], sides[1]};
}

}  // namespace

std::string to_json(const DetectorConfig& config) {
  Json json;
  json["img_size"] = json_of(config.encoder.img_size);
  json["position_img_size"] = json_of(config.position_img_size);
  for_each_detector_field(
      config, [&](const char* name, const auto& value) { json[name] = value; },
      [&](const char* name, const auto& value, const auto& choices) {
        for (const auto& choice : choices) {
          if (choice.value == value) json[name] = choice.name;
        }
      });
  return json_text(json);
}

DetectorConfig detector_config_from_json(const std::string& text) {
  JsonFields fields(text, "the detector configuration");
  DetectorConfig config;
  config.encoder.img_size = take_size(fields, "img_size");
  config.position_img_size = take_size(fields, "position_img_size");
  for_each_detector_field(
      config, [&](const char* name, auto& value) { fields.take(name, value); },
      [&](const char* name, auto& value, const auto& choices) {
        std::string text_of_choice;
        fields.take(name, text_of_choice);
        std::string known;
        for (const auto& choice : choices) {
          if (text_of_choice == choice.name) {
            value = choice.value;
            return;
          }
          known += (known.empty() ? "" : ", ") + std::string(choice.name);
        }
        throw UserError(std::string("the detector configuration's ") + name + " is " +
                        quote(text_of_choice) + ": expected one of " + known);
      });
  fields.finish();
  return config;
}

}  // namespace convmae
