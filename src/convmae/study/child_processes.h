#pragma once

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace convmae {

/// A process to be started: its words, and the files that get what it prints.
struct ChildCommand {
  std::vector<std::string> words;  ///< the first is the program, looked for in PATH if it has no /
  std::filesystem::path out;
  std::filesystem::path errors;  ///< is added to
};

/// How a process ended.
struct ChildEnd {
  int code = 0;  ///< its exit code, or 128 plus the number of the signal that killed it
  double cpu_seconds = 0;
};

/// Several processes beside each other, each in a group of its own. While an object of this class
/// lives, signals that ask this process for an end (SIGINT, SIGTERM, SIGHUP, unless they are
/// ignored) are passed on to the processes, which save what they have and end. No other thread may
/// take its signals. Should this process be killed, they get a SIGTERM.
class ChildProcesses {
 public:
  ChildProcesses();
  /// Asks those that still run to end, and waits for them.
  ~ChildProcesses();
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  /// Calls `ended` when it has ended, from within `wait`. Throws UserError if it cannot be started.
  void start(const ChildCommand& command, std::function<void(const ChildEnd&)> ended);
  std::size_t running() const { return children_.size(); }
  /// Waits until one has ended, or a signal has come.
  void wait();
  /// The signal that asked for an end; 0: none did.
  int asked_to_end() const { return asked_; }

 private:
  struct Child {
    pid_t process = 0;
    std::function<void(const ChildEnd&)> ended;
  };

  void send(int signal) const;
  bool collect();

  sigset_t held_{};
  sigset_t before_{};
  std::vector<Child> children_;
  int asked_ = 0;
};

}  // namespace convmae
