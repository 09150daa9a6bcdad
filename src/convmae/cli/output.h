#pragma once

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// --json of commands without an OptionTable.
void add_json(CLI::App& command, bool& json);

/// Prints `json` to standard output: the same keys whatever was found, numbers as numbers, null
/// for what there is not.
void print_json(const nlohmann::ordered_json& json);

/// Throws UserError if `out`, which --out names, is one of `inputs`, the files that a command reads
/// and the flags or words that name them.
void require_not_read(const std::filesystem::path& out,
                      const std::vector<std::pair<std::string, std::string>>& inputs);

/// Throws UserError unless the name ends in one of `endings`, in upper or lower case; `kind` says
/// what the file is.
void require_ending(const std::filesystem::path& out, const std::vector<std::string>& endings,
                    const std::string& kind);

}  // namespace convmae
