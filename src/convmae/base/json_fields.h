#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

// Whether `json` is a value of that type, which it then becomes. Numbers in JSON that comes from a
// file are checked, never cut off.
bool take_json(const nlohmann::ordered_json& json, std::int64_t& value);
bool take_json(const nlohmann::ordered_json& json, double& value);
bool take_json(const nlohmann::ordered_json& json, bool& value);
bool take_json(const nlohmann::ordered_json& json, std::string& value);

template <typename T>
bool take_json(const nlohmann::ordered_json& json, std::vector<T>& values) {
  if (!json.is_array()) return false;
  values.assign(json.size(), T{});
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!take_json(json[i], values[i])) return false;
  }
  return true;
}

/// Takes the fields of a JSON object one by one, until none may be left.
class JsonFields {
 public:
  /// `what` is the object in messages: "the model configuration". Throws UserError if `text` is no
  /// JSON object.
  JsonFields(const std::string& text, std::string what);

  /// Whether there is such a field that nobody has taken.
  bool has(const char* name) const { return json_.contains(name); }
  /// Throws UserError if there is no such field or it is of another type.
  template <typename T>
  void take(const char* name, T& value) {
    const nlohmann::ordered_json field = taken(name);
    if (!take_json(field, value)) throw_unusable(name, field);
  }
  /// Throws UserError if there are fields that nobody took.
  void finish() const;

 private:
  nlohmann::ordered_json taken(const char* name);
  [[noreturn]] void throw_unusable(const char* name, const nlohmann::ordered_json& field) const;

  nlohmann::ordered_json json_;
  std::string what_;
};

}  // namespace convmae
