#pragma once

#include "convmae/base/geometry.h"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// The options of one command, declared once: as flags, as keys of a configuration file and as
/// lines of the resolved configuration that a run writes. A key is the flag's first name without
/// dashes.
class OptionTable {
 public:
  explicit OptionTable(CLI::App& command) : command_(command) {}

  /// The heading in --help of the options that are added next.
  void group(std::string heading) { heading_ = std::move(heading); }

  /// `names`: "epochs", or with aliases "data,data_path". Values that are there are the defaults.
  /// Lists may be written with spaces or commas.
  CLI::Option* add(const std::string& names, std::string& value, const std::string& help);
  CLI::Option* add(const std::string& names, std::int64_t& value, const std::string& help);
  CLI::Option* add(const std::string& names, std::uint64_t& value, const std::string& help);
  CLI::Option* add(const std::string& names, double& value, const std::string& help);
  CLI::Option* add(const std::string& names, std::optional<double>& value, const std::string& help);
  CLI::Option* add(const std::string& names, std::optional<std::int64_t>& value,
                   const std::string& help);
  CLI::Option* add(const std::string& names, std::vector<std::int64_t>& value,
                   const std::string& help);
  CLI::Option* add(const std::string& names, std::vector<double>& value, const std::string& help);
  /// A list that may be empty, which is spelled `none`.
  CLI::Option* add_or_none(const std::string& names, std::vector<std::int64_t>& value,
                           const std::string& help);
  /// One number, or height and width.
  CLI::Option* add(const std::string& names, Size& value, const std::string& help);
  /// --name and --no_name.
  CLI::Option* add(const std::string& names, bool& value, const std::string& help);
  /// A value with a spelling of its own; `parse` throws UserError for a bad one.
  CLI::Option* add_parsed(const std::string& names,
                          const std::function<void(const std::string&)>& parse,
                          std::function<std::string()> spell, const std::string& help);
  /// Lets configuration files of earlier versions say `key` for an option of this table; `values`
  /// are its words and what they are called now.
  void also_read(const std::string& key, const CLI::Option* option,
                 std::map<std::string, std::string> values);
  /// Of two options, each of which says `what`, one is given: on the command line it takes the
  /// place of the other in a file, and `settings` has only one of them.
  void add_choice(const std::string& key, const std::string& other, const std::string& what);
  /// A flag for the command line alone.
  CLI::Option* add_command_line_only(const std::string& names, std::string& value,
                                     const std::string& help);
  CLI::Option* add_command_line_only(const std::string& names, std::int64_t& value,
                                     const std::string& help);
  CLI::Option* add_command_line_only(const std::string& names, bool& value,
                                     const std::string& help);

  /// Throws UserError if the command line has both options of a choice.
  void check_choices() const;
  /// The keys of options that the command line has; to be asked before others give values.
  std::set<std::string> typed() const;
  /// Takes values from the text of the TOML file `path` for options that the command line does not
  /// have, but not for the keys in `set_aside`. Throws UserError for a text that cannot be read, a
  /// key that is no option, both of a choice, and a value that does not fit.
  void read_config(const std::string& text, const std::filesystem::path& path,
                   const std::set<std::string>& set_aside) const;
  /// Takes values for options that neither the command line nor a configuration file has from a
  /// file of weights; `source` is its name. Throws UserError for null, which stands for a value
  /// that must be given, and for a value that does not fit.
  void read_defaults(const nlohmann::ordered_json& values, const std::string& source,
                     const std::set<std::string>& set_aside) const;
  /// Names and values of all options as they are now, in TOML; those without a value are left out.
  std::vector<std::pair<std::string, std::string>> settings() const;

 private:
  CLI::Option* remember(CLI::Option* option, const std::string& names,
                        std::function<std::string()> spell);

  struct Entry;
  /// Null if no option has this name.
  const Entry* find(const std::string& key) const;
  /// `keys`, and those whose place another option has taken.
  std::set<std::string> with_replaced(std::set<std::string> keys) const;

  struct Entry {
    std::string key;
    CLI::Option* option;
    std::function<std::string()> spell;  ///< the value in TOML, or empty if there is none
    std::string earlier_key{};
    std::map<std::string, std::string> earlier_values{};
  };

  struct Choice {
    std::string key;
    std::string other;
    std::string what;
  };

  CLI::App& command_;
  std::string heading_;
  std::vector<Entry> entries_;
  std::vector<Choice> choices_;
};

/// The text of a configuration file. Throws UserError that names it.
std::string read_configuration_text(const std::filesystem::path& path);

}  // namespace convmae
