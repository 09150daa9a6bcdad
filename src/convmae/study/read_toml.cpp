#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/study/study.h"

#include <algorithm>
#include <sstream>
#include <string_view>
#include <toml++/toml.h>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

template <typename Position>
auto place_of(const Position& position) {
  return std::pair(position.line, position.column);
}

Json json_of(const toml::node& node);

/// The library keeps keys by the alphabet; what a person wrote has an order.
Json json_of_table(const toml::table& table) {
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  entries.reserve(table.size());
  for (const auto& [key, value] : table) entries.emplace_back(&key, &value);
  std::ranges::stable_sort(entries, {},
                           [](const auto& entry) { return place_of(entry.first->source().begin); });
  Json json = Json::object();
  for (const auto& [key, value] : entries) json[std::string(key->str())] = json_of(*value);
  return json;
}

Json json_of(const toml::node& node) {
  if (const toml::table* const table = node.as_table()) return json_of_table(*table);
  if (const toml::array* const array = node.as_array()) {
    Json json = Json::array();
    for (const toml::node& item : *array) json.push_back(json_of(item));
    return json;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  if (const auto whole = node.value_exact<std::int64_t>()) return *whole;
  if (const auto number = node.value_exact<double>()) return *number;
  std::ostringstream date;
  node.visit([&date](const auto& value) {
    if constexpr (toml::is_date<decltype(value)> || toml::is_time<decltype(value)> ||
                  toml::is_date_time<decltype(value)>) {
      date << *value;
    }
  });
  return date.str();
}

}  // namespace

Json read_toml(const std::filesystem::path& path) {
  constexpr FileKind kToml{"a file in TOML", std::int64_t{1} << 24};
  const std::string text = read_text_file(path, kToml);
  try {
    return json_of_table(toml::parse(std::string_view(text), path.string()));
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw UserError("cannot read " + quote(path.string()) +
                    (line > 0 ? ", line " + std::to_string(line) : "") + ": " +
                    brief(error.description()));
  }
}

}  // namespace convmae
