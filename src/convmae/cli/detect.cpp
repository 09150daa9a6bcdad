#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"

#include <CLI/CLI.hpp>

namespace convmae {

void add_detect(CLI::App& app, CommandLine& line) {
  CLI::App* const detect = app.add_subcommand(
      "detect", "Objects in images: find them, evaluate what is found, check annotations");
  detect->require_subcommand(1);
  add_detect_train(*detect, line);
  add_detect_predict(*detect, line);
  add_detect_eval(*detect, line);
  add_detect_check(*detect, line);
  add_example(*detect, "convmae detect check annotations.json");
}

}  // namespace convmae
