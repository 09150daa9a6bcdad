#include "convmae/base/json_fields.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"

#include <optional>
#include <utility>

namespace convmae {

using Json = nlohmann::ordered_json;

bool take_json(const Json& json, std::int64_t& value) {
  const std::optional<std::int64_t> whole = whole_number(json);
  if (whole) value = *whole;
  return whole.has_value();
}

bool take_json(const Json& json, double& value) {
  if (json.is_number()) value = json.get<double>();
  return json.is_number();
}

bool take_json(const Json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
  return json.is_boolean();
}

bool take_json(const Json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
  return json.is_string();
}

JsonFields::JsonFields(const std::string& text, std::string what) : what_(std::move(what)) {
  // What nests deeper could not be written into a message.
  constexpr int kMostLevels = 3;
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMostLevels; };
  json_ = Json::parse(text, shallow, /*allow_exceptions=*/false);
  if (!json_.is_object()) throw UserError(what_ + " is not a JSON object");
}

Json JsonFields::taken(const char* name) {
  const auto found = json_.find(name);
  if (found == json_.end()) throw UserError(what_ + " has no " + name);
  Json field = std::move(*found);
  json_.erase(found);
  return field;
}

void JsonFields::throw_unusable(const char* name, const Json& field) const {
  throw UserError(what_ + " has no usable " + name + ": " + quote(json_text(field)));
}

void JsonFields::finish() const {
  if (!json_.empty()) {
    throw UserError(what_ + " has an unknown key " + quote(json_.begin().key()));
  }
}

}  // namespace convmae
