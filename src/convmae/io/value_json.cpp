#include "convmae/io/value_json.h"

#include "convmae/base/utf8.h"

#include <cstddef>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestText = 1000;
constexpr std::size_t kMostItems = 1000;

Json scalar_json(const Value& value) {
  if (value.is_none()) return nullptr;
  if (const auto flag = value.boolean()) return *flag;
  if (const auto whole = value.integer()) return *whole;
  if (const auto number = value.number()) return *number;
  if (const auto text = value.text()) return shortened(*text);
  return std::string("(").append(type_name(value)).append(")");
}

}  // namespace

std::string shortened(std::string_view text) {
  std::string result(utf8_prefix(text, kLongestText));
  if (text.size() > kLongestText) result += "...";
  return result;
}

Json plain_json(const Value& value) {
  const Sequence* const sequence = value.sequence();
  if (sequence == nullptr || sequence->items.size() > kMostItems) return scalar_json(value);
  Json list = Json::array();
  for (const Value& item : sequence->items) list.push_back(scalar_json(item));
  return list;
}

Json members_json(const Dict& dict) {
  Json json = Json::object();
  for (const auto& [key, value] : dict.entries) {
    if (json.size() == kMostItems) break;
    json[shortened(key_text(key))] = plain_json(value);
  }
  return json;
}

Json parse_shallow_json(std::string_view text) {
  constexpr int kDeepest = 8;
  constexpr std::size_t kMostValues = 1'000'000;  // as of a pickle
  std::size_t values = 0;
  const auto modest = [&values](int depth, Json::parse_event_t event, Json&) {
    if (event != Json::parse_event_t::object_end && event != Json::parse_event_t::array_end) {
      ++values;
    }
    return depth <= kDeepest && values <= kMostValues;
  };
  Json json = Json::parse(text, modest, /*allow_exceptions=*/false);
  return values <= kMostValues ? json : Json(Json::value_t::discarded);
}

Value value_from_json(const Json& json, ValueArena& arena) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return std::string_view(arena.keep(json.get<std::string>()));
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json) items.push_back(value_from_json(item, arena));
    return arena.new_tuple(std::move(items));
  }
  if (!json.is_object()) return {};
  Dict* const dict = arena.new_dict();
  for (const auto& [key, value] : json.items()) {
    dict->entries.emplace_back(std::string_view(arena.keep(key)), value_from_json(value, arena));
  }
  return dict;
}

}  // namespace convmae
