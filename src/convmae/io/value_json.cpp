#include "convmae/io/value_json.h"

#include "convmae/base/json_number.h"
#include "convmae/base/utf8.h"

#include <cstddef>
#include <vector>

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

/// Ends the parsing of JSON that nests too deep or has too much in it. Nothing is kept: a callback
/// of the parser that makes values would see each array whole at each of its objects.
class Modesty final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return count(); }
  bool boolean(bool /*value*/) override { return count(); }
  bool number_integer(number_integer_t /*value*/) override { return count(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return count(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return count(); }
  bool string(string_t& /*value*/) override { return count(); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(); }
  bool start_array(std::size_t /*size*/) override { return open(); }
  bool key(string_t& /*name*/) override { return ++keys_.back() <= kMostKeys; }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

 private:
  static constexpr std::size_t kDeepest = 8;
  static constexpr std::size_t kMostValues = 1'000'000;  // as of a pickle
  static constexpr std::size_t kMostKeys = 1'000;        // each is compared with those before it

  bool count() { return ++values_ <= kMostValues; }
  bool open() {
    keys_.push_back(0);
    return count() && keys_.size() <= kDeepest;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::size_t values_ = 0;
  std::vector<std::size_t> keys_;  ///< so far, in each open container
};

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

bool is_modest_json(std::string_view text) {
  Modesty modesty;
  return Json::sax_parse(text, &modesty);
}

Json parse_shallow_json(std::string_view text) {
  Json json(Json::value_t::discarded);
  if (is_modest_json(text)) json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json;
}

Value value_from_json(const Json& json, ValueArena& arena) {
  if (json.is_boolean()) return json.get<bool>();
  if (const auto whole = whole_number(json); whole && json.is_number_integer()) return *whole;
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
