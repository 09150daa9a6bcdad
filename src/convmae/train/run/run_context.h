#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

using NamedValues = std::vector<std::pair<std::string, std::string>>;

/// What a run is told about how it was called.
struct RunContext {
  std::string command;  ///< the whole command line
  /// The options by flag name, with values in TOML. Asked for when all options are resolved.
  std::function<NamedValues()> settings;
  bool json = false;  ///< what is printed at its end is JSON
};

}  // namespace convmae
