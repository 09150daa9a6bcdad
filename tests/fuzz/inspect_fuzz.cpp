// The input is a file to inspect: the command itself runs, as text and as JSON.

#include "convmae/base/error.h"
#include "convmae/cli/command_line.h"

#include <CLI/CLI.hpp>

#include "file_in_memory.h"
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const convmae::fuzz::FileInMemory file;
  file.hold(data, size);
  std::ostringstream printed;
  std::streambuf* const console = std::cout.rdbuf(printed.rdbuf());
  for (const bool json : {false, true}) {
    CLI::App app;
    convmae::add_inspect(app);
    std::vector<std::string> arguments{file.path().string(), "inspect"};  // last first
    if (json) arguments.insert(arguments.begin(), "--json");
    try {
      app.parse(arguments);
    } catch (const convmae::UserError&) {
      // the expected end of most inputs
    }
  }
  std::cout.rdbuf(console);
  // What a terminal would take for a command.
  if (printed.str().find('\x1b') != std::string::npos) __builtin_trap();
  return 0;
}
