#pragma once

#include "convmae/dist/process_group.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <functional>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace convmae {

/// A port that nobody listens on.
inline std::uint16_t free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const place = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      ::bind(listener, place, size) == 0 && ::getsockname(listener, place, &size) == 0;
  EXPECT_TRUE(bound);
  ::close(listener);
  return ntohs(address.sin_port);
}

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
