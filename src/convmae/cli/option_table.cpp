#include "convmae/cli/option_table.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/toml_text.h"
#include "convmae/cli/validators.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <sstream>
#include <toml++/toml.h>
#include <utility>

namespace convmae {
namespace {

/// "data,data_path" -> "--data,--data_path".
std::string flags_of(const std::string& names) {
  std::string flags = "--";
  for (const char c : names) {
    flags += c;
    if (c == ',') flags += "--";
  }
  return flags;
}

template <typename T>
CLI::Option* add_single(CLI::App& command, const std::string& names, T& value,
                        const std::string& help) {
  return command.add_option(flags_of(names), value, help)->capture_default_str();
}

/// An empty list.
const std::string kNone = "none";

std::string key_of(const std::string& names) { return names.substr(0, names.find(',')); }

std::string spell(const std::string& text) { return text.empty() ? "" : toml_text(text); }

std::string spell(bool value) { return value ? "true" : "false"; }

std::string spell(std::int64_t value) { return std::to_string(value); }

/// TOML's integers end where those with a sign end: a larger one is written as a string.
std::string spell(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  return value <= INT64_MAX ? digits : '\'' + digits + '\'';
}

/// The shortest text that reads back as the same number.
std::string spell(double value) {
  char buffer[32];
  const std::to_chars_result end = std::to_chars(std::begin(buffer), std::end(buffer), value);
  std::string text(std::begin(buffer), end.ptr);
  const bool looks_whole = text.find_first_of(".en") == std::string::npos;
  return looks_whole ? text + ".0" : text;
}

template <typename T>
std::string spell(const std::optional<T>& value) {
  return value ? spell(*value) : "";
}

template <typename T>
std::string spell(const std::vector<T>& values) {
  if (values.empty()) return "";
  std::string text = "[";
  for (const T value : values) text += (text.size() > 1 ? ", " : "") + spell(value);
  return text + "]";
}

std::string spell(Size size) { return spell(std::vector<std::int64_t>{size.height, size.width}); }

/// A TOML value as the words that could have been typed.
std::vector<std::string> words_of(const toml::node& node, const std::string& key) {
  if (const toml::array* const array = node.as_array()) {
    std::vector<std::string> words;
    for (const toml::node& element : *array) {
      for (std::string& word : words_of(element, key)) words.push_back(std::move(word));
    }
    return words;
  }
  if (const auto text = text_of_toml(node)) return {*text};
  if (const auto flag = node.value_exact<bool>()) return {spell(*flag)};
  if (const auto whole = node.value_exact<std::int64_t>()) return {spell(*whole)};
  if (const auto number = node.value_exact<double>()) return {spell(*number)};
  throw UserError("key " + quote(key) +
                  " has a table or a date: expected a number, a string, true or false, or a list");
}

/// As flags may be typed: batch-size is batch_size.
std::string with_underscores(std::string key) {
  std::ranges::replace(key, '-', '_');
  return key;
}

toml::table parse(const std::string& text, const std::filesystem::path& path) {
  try {
    return toml::parse(text, path.string());
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw UserError("cannot read the configuration " + quote(path.string()) +
                    (line > 0 ? ", line " + std::to_string(line) : "") + ": " +
                    brief(error.description()));
  }
}

}  // namespace

CLI::Option* OptionTable::remember(CLI::Option* option, const std::string& names,
                                   std::function<std::string()> spell_value) {
  option->group(heading_);
  entries_.push_back({key_of(names), option, std::move(spell_value)});
  return option;
}

void OptionTable::also_read(const std::string& key, const CLI::Option* option,
                            std::map<std::string, std::string> values) {
  const auto entry = std::ranges::find(entries_, option, &Entry::option);
  entry->earlier_key = key;
  entry->earlier_values = std::move(values);
}

CLI::Option* OptionTable::add(const std::string& names, std::string& value,
                              const std::string& help) {
  return remember(add_single(command_, names, value, help), names,
                  [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, std::int64_t& value,
                              const std::string& help) {
  return remember(numbers_of<std::int64_t>(add_single(command_, names, value, help)), names,
                  [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, std::uint64_t& value,
                              const std::string& help) {
  return remember(numbers_of<std::uint64_t>(add_single(command_, names, value, help)), names,
                  [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, double& value, const std::string& help) {
  return remember(numbers_of<double>(add_single(command_, names, value, help)), names,
                  [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, std::optional<double>& value,
                              const std::string& help) {
  CLI::Option* const option = numbers_of<double>(add_single(command_, names, value, help));
  if (value) {
    // --help does not look into an optional by itself.
    std::ostringstream text;
    text << *value;
    option->default_str(text.str());
  }
  return remember(option, names, [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, std::optional<std::int64_t>& value,
                              const std::string& help) {
  return remember(numbers_of<std::int64_t>(add_single(command_, names, value, help)), names,
                  [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, std::vector<std::int64_t>& value,
                              const std::string& help) {
  return remember(numbers_of<std::int64_t>(command_.add_option(flags_of(names), value, help))
                      ->delimiter(',')
                      ->capture_default_str(),
                  names, [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, std::vector<double>& value,
                              const std::string& help) {
  return remember(numbers_of<double>(command_.add_option(flags_of(names), value, help))
                      ->delimiter(',')
                      ->capture_default_str(),
                  names, [&value] { return spell(value); });
}

CLI::Option* OptionTable::add_or_none(const std::string& names, std::vector<std::int64_t>& value,
                                      const std::string& help) {
  const auto take = [&value, key = key_of(names)](const std::vector<std::string>& words) {
    std::vector<std::int64_t> numbers;
    for (const std::string& word : words) {
      if (words.size() == 1 && word == kNone) break;
      const std::optional<std::int64_t> number = parse_number<std::int64_t>(word);
      if (!number) {
        throw UserError("--" + key + " takes whole numbers, or none, found " + quote(word));
      }
      numbers.push_back(*number);
    }
    value = std::move(numbers);
  };
  const auto spell_value = [&value] { return value.empty() ? spell(kNone) : spell(value); };
  CLI::Option* const option =
      command_.add_option_function<std::vector<std::string>>(flags_of(names), take, help);
  option->delimiter(',')->default_str(spell_value());
  return remember(option, names, spell_value);
}

CLI::Option* OptionTable::add(const std::string& names, Size& value, const std::string& help) {
  const auto take = [&value](const std::vector<std::int64_t>& sides) {
    value = {sides.front(), sides.back()};
  };
  CLI::Option* const option = numbers_of<std::int64_t>(
      command_.add_option_function<std::vector<std::int64_t>>(flags_of(names), take, help));
  option->expected(1, 2)->delimiter(',')->default_str(std::to_string(value.height) + " " +
                                                      std::to_string(value.width));
  return remember(option, names, [&value] { return spell(value); });
}

CLI::Option* OptionTable::add(const std::string& names, bool& value, const std::string& help) {
  const std::string key = key_of(names);
  CLI::Option* const option = command_.add_flag("--" + key + ",!--no_" + key, value, help);
  option->default_str(value ? "on" : "off");
  return remember(option, names, [&value] { return spell(value); });
}

CLI::Option* OptionTable::add_parsed(const std::string& names,
                                     const std::function<void(const std::string&)>& parse,
                                     std::function<std::string()> spell_value,
                                     const std::string& help) {
  CLI::Option* const option =
      command_.add_option_function<std::string>(flags_of(names), parse, help);
  option->default_str(spell_value());
  return remember(option, names,
                  [spell_value = std::move(spell_value)] { return spell(spell_value()); });
}

CLI::Option* OptionTable::add_command_line_only(const std::string& names, std::string& value,
                                                const std::string& help) {
  return add_single(command_, names, value, help)->group(heading_);
}

CLI::Option* OptionTable::add_command_line_only(const std::string& names, std::int64_t& value,
                                                const std::string& help) {
  return numbers_of<std::int64_t>(add_single(command_, names, value, help))->group(heading_);
}

CLI::Option* OptionTable::add_command_line_only(const std::string& names, bool& value,
                                                const std::string& help) {
  return command_.add_flag(flags_of(names), value, help)->group(heading_);
}

void OptionTable::add_choice(const std::string& key, const std::string& other,
                             const std::string& what) {
  choices_.push_back({key, other, what});
}

void OptionTable::check_choices() const {
  const auto both = std::ranges::find_if(choices_, [this](const Choice& choice) {
    return find(choice.key)->option->count() > 0 && find(choice.other)->option->count() > 0;
  });
  if (both == choices_.end()) return;
  throw UserError("--" + both->key + " and --" + both->other + " each say " + both->what +
                  ": leave one of them out");
}

std::set<std::string> OptionTable::with_replaced(std::set<std::string> keys) const {
  for (const auto& [key, other, what] : choices_) {
    if (find(key)->option->count() > 0) keys.insert(other);
    if (find(other)->option->count() > 0) keys.insert(key);
  }
  return keys;
}

const OptionTable::Entry* OptionTable::find(const std::string& key) const {
  const auto entry = std::ranges::find_if(entries_, [&key](const Entry& candidate) {
    return candidate.earlier_key == key ||
           (candidate.option->check_lname(key) && !key.starts_with("no_"));
  });
  return entry == entries_.end() ? nullptr : &*entry;
}

std::set<std::string> OptionTable::typed() const {
  std::set<std::string> keys;
  for (const Entry& entry : entries_) {
    if (entry.option->count() > 0) keys.insert(entry.key);
  }
  return keys;
}

void OptionTable::read_config(const std::string& text, const std::filesystem::path& path,
                              const std::set<std::string>& set_aside) const {
  const std::set<std::string> left_alone = with_replaced(set_aside);
  std::map<const Entry*, std::string> seen;
  for (const auto& [toml_key, node] : parse(text, path)) {
    const std::string key(toml_key.str());
    const Entry* const entry = find(with_underscores(key));
    if (entry == nullptr) {
      throw UserError("unknown key " + quote(key) + " in " + quote(path.string()) +
                      ": keys are the flags of `" + command_words(command_) +
                      " --help` without dashes");
    }
    if (const auto [other, is_new] = seen.emplace(entry, key); !is_new) {
      throw UserError(quote(path.string()) + " has " + quote(other->second) + " and " + quote(key) +
                      ", two names of one flag: keep one of them");
    }
    // The command line goes before the file.
    if (entry->option->count() > 0 || left_alone.contains(entry->key)) continue;
    try {
      for (const std::string& word : words_of(node, key)) {
        const auto now = entry->earlier_values.find(word);
        const bool earlier = now != entry->earlier_values.end() && key == entry->earlier_key;
        entry->option->add_result(earlier ? now->second : word);
      }
      entry->option->run_callback();
    } catch (const CLI::Error& error) {
      throw UserError("key " + quote(key) + " in " + quote(path.string()) + ": " + error.what());
    }
  }
  for (const auto& [key, other, what] : choices_) {
    if (!seen.contains(find(key)) || !seen.contains(find(other))) continue;
    throw UserError(quote(path.string()) + " has " + quote(key) + " and " + quote(other) +
                    ", which each say " + what + ": keep one of them");
  }
}

void OptionTable::read_defaults(const nlohmann::ordered_json& values, const std::string& source,
                                const std::set<std::string>& set_aside) const {
  const std::set<std::string> left_alone = with_replaced(set_aside);
  for (const auto& [key, value] : values.items()) {
    const Entry* const entry = find(key);
    if (entry == nullptr || entry->option->count() > 0 || left_alone.contains(entry->key)) continue;
    if (value.is_null()) {
      throw UserError(quote(source) + " does not say what --" + entry->key +
                      " its model has: give the flag");
    }
    try {
      for (const nlohmann::ordered_json& item :
           value.is_array() ? value : nlohmann::ordered_json::array({value})) {
        entry->option->add_result(item.is_string() ? item.get<std::string>() : json_text(item));
      }
      entry->option->run_callback();
    } catch (const CLI::Error& error) {
      throw UserError(entry->key + " in " + quote(source) + ": " + error.what());
    }
  }
}

std::string read_configuration_text(const std::filesystem::path& path) {
  constexpr FileKind kConfiguration{"a configuration in TOML", std::int64_t{1} << 24};
  return read_text_file(path, kConfiguration);
}

std::vector<std::pair<std::string, std::string>> OptionTable::settings() const {
  const std::set<std::string> left_out = with_replaced({});
  std::vector<std::pair<std::string, std::string>> settings;
  for (const Entry& entry : entries_) {
    std::string value = left_out.contains(entry.key) ? "" : entry.spell();
    if (!value.empty()) settings.emplace_back(entry.key, std::move(value));
  }
  return settings;
}

}  // namespace convmae
