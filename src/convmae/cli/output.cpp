#include "convmae/cli/output.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <system_error>

namespace convmae {

void add_json(CLI::App& command, bool& json) { command.add_flag("--json", json, "Print JSON"); }

void print_json(const nlohmann::ordered_json& json) {
  std::cout << json_text(json, 2) << std::endl;
}

void require_not_read(const std::filesystem::path& out,
                      const std::vector<std::pair<std::string, std::string>>& inputs) {
  for (const auto& [path, name] : inputs) {
    std::error_code ignored;
    if (path.empty() || !std::filesystem::equivalent(out, path, ignored)) continue;
    throw UserError("--out would replace " + quote(path) + ", which is " + name +
                    ": choose another name");
  }
}

void require_ending(const std::filesystem::path& out, const std::vector<std::string>& endings,
                    const std::string& kind) {
  const std::string found = CLI::detail::to_lower(out.extension().string());
  if (std::ranges::find(endings, found) != endings.end()) return;
  throw UserError(kind + ": give a name that ends in " + endings.front() + ", found " +
                  quote(out.string()));
}

}  // namespace convmae
