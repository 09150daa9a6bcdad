#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/validators.h"
#include "convmae/dist/local_processes.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdint>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

namespace convmae {
namespace {

constexpr std::int64_t kNotGiven = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMostProcesses = 1024;
constexpr std::int64_t kLastPort = std::numeric_limits<std::uint16_t>::max();

void require_from_to(const char* flag, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw UserError(std::string(flag) + " must be a number from " + std::to_string(low) + " to " +
                  std::to_string(high) +
                  (value == kNotGiven ? " and is missing" : ", found " + std::to_string(value)) +
                  "; see convmae launch --help");
}

class LaunchCommand {
 public:
  LaunchCommand(CLI::App& command, CommandLine& line) : command_(command), line_(line) {
    command.prefix_command();
    mark_required(numbers_of<std::int64_t>(command.add_option(
        "--nproc", count_, "Number of processes, at most " + std::to_string(kMostProcesses))));
    numbers_of<std::int64_t>(
        command.add_option("--port", port_,
                           "TCP port of this machine where they meet; 0: one that is free"))
        ->capture_default_str();
    add_example(command, "convmae launch --nproc 2 pretrain --data photos --out run --model nano");
  }

  void run() const {
    const std::vector<std::string> words = command_.remaining();
    if (!words.empty() && words.front().starts_with('-')) {
      throw UserError("unknown flag " + brief(words.front()) + "; see convmae launch --help");
    }
    require_from_to("--nproc", count_, 1, kMostProcesses);
    require_from_to("--port", port_, 0, kLastPort);
    if (words.empty()) {
      throw UserError(
          "the command to launch is missing: put it behind the flags, as in convmae launch --nproc "
          "2 pretrain --data photos --out run");
    }
    LocalProcesses processes;
    processes.program = "/proc/self/exe";
    processes.command = {program_invocation_name};
    processes.command.insert(processes.command.end(), words.begin(), words.end());
    processes.count = count_;
    processes.port = free_port(static_cast<std::uint16_t>(port_));
    processes.tell = [](const std::string& text) { std::cerr << "convmae: " << text << std::endl; };
    line_.exit_code = run_local_processes(processes);
  }

 private:
  const CLI::App& command_;
  CommandLine& line_;
  std::int64_t count_ = kNotGiven;
  std::int64_t port_ = 0;
};

}  // namespace

void add_launch(CLI::App& app, CommandLine& line) {
  add_command<LaunchCommand>(app, "launch",
                             "Run the command behind it in several processes of this machine that "
                             "train or evaluate together",
                             line);
}

}  // namespace convmae
