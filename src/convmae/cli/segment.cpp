#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"

#include <CLI/CLI.hpp>

namespace convmae {

void add_segment(CLI::App& app, CommandLine& line) {
  CLI::App* const segment = app.add_subcommand(
      "segment", "Classes of pixels: train, evaluate and use a segmentor, check label files");
  segment->require_subcommand(1);
  add_segment_train(*segment, line);
  add_segment_eval(*segment, line);
  add_segment_predict(*segment, line);
  add_segment_check(*segment, line);
  add_example(*segment, "convmae segment check scenes");
}

}  // namespace convmae
