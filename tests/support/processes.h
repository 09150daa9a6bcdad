#pragma once

#include "convmae/dist/local_processes.h"
#include "convmae/dist/process_group.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace convmae {

/// What a process of a test does, with the group that it has joined: whether all is well.
using ProcessWork = std::function<bool(ProcessGroup& group)>;

/// Runs `work` in so many processes, and returns what each ended with: an exit code (0: all was
/// well, 1: it was not, 3: an exception), or minus the signal that killed it.
inline std::vector<int> run_processes(
    std::int64_t count, const ProcessWork& work,
    std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
  const std::uint16_t port = free_port();
  std::vector<pid_t> children;
  for (std::int64_t rank = 0; rank < count; ++rank) {
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 3;
      try {
        at::set_num_threads(1);
        ProcessGroup group(Launch{"test", rank, count, rank, count, "127.0.0.1", port, false},
                           timeout);
        code = work(group) ? 0 : 1;
      } catch (const std::exception& error) {
        std::fprintf(stderr, "process %d: %s\n", static_cast<int>(rank), error.what());
      }
      std::fflush(nullptr);
      ::_exit(code);
    }
    children.push_back(child);
  }
  std::vector<int> codes;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  }
  return codes;
}

}  // namespace convmae
