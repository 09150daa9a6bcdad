#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

class ProcessGroup;

using NamedValues = std::vector<std::pair<std::string, std::string>>;

/// What a run is told about how it was called.
struct RunContext {
  std::string command;  ///< the whole command line
  /// The options by flag name, with values in TOML. Asked for when all options are resolved.
  std::function<NamedValues()> settings;
  bool json = false;  ///< what is printed at its end is JSON
  /// Whether a flag, without dashes, stands on the command line.
  std::function<bool(const char* flag)> typed;
  /// The processes of the run; null: this one is alone.
  ProcessGroup* group = nullptr;
};

}  // namespace convmae
