#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// One command in several processes side by side on this machine, which find each other by
/// torchrun's variables (dist/launch.h).
struct LocalProcesses {
  std::string program;               ///< the file that is run
  std::vector<std::string> command;  ///< its words, with the name of the program
  std::int64_t count = 1;
  std::uint16_t port = 0;  ///< of 127.0.0.1, where they meet
  /// When one has failed, how long the others may take to end by themselves before they are asked
  /// to (SIGTERM), and then before they are made to (SIGKILL).
  std::chrono::milliseconds grace = std::chrono::seconds(15);
  /// Gets one line about each thing that the processes cannot say themselves.
  std::function<void(const std::string& line)> tell;
};

/// Runs them and waits until all have ended. Process 0 keeps the standard input, all keep the other
/// streams. Returns 0 if each ended with that, else what the first to fail ended with: its exit
/// code, 128 plus the number of the signal that killed it, or 127 if the program cannot be run.
/// Codes above 128 are those of processes that were asked to end, for which no other one is
/// hurried. Throws UserError if they cannot be started.
///
/// Signals that ask for an end (SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, unless they are
/// ignored) go to each process once. Therefore each has a group of its own: what a terminal or a
/// shell sends to this process's group reaches this process alone. Ctrl-Z stops all of them and
/// `fg` lets them go on. Should this process be killed, they get a SIGTERM. No other thread of this
/// process may take its signals.
int run_local_processes(const LocalProcesses& processes);

/// A TCP port that nobody listens on: `wanted`, or any if that is 0. Throws UserError if there is
/// none.
std::uint16_t free_port(std::uint16_t wanted = 0);

}  // namespace convmae
