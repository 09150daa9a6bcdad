#pragma once

#include <array>
#include <csignal>
#include <cstdint>

namespace convmae {

/// Lets SIGINT (Ctrl-C), SIGTERM, SIGHUP (a terminal that closes) and SIGUSR1 (job schedulers'
/// notice) ask for an orderly end while this object lives. The first one is noted, and one line on
/// standard error says so. Another Ctrl-C, or SIGTERM after SIGTERM, ends the process at once; the
/// others may be followed by more for the same reason (a shell passes on the SIGHUP that the
/// process has got already). SIGHUP is left alone where it was ignored before, as nohup does, and
/// writing to a pipe that nobody reads any more is an error instead of the end. At most one object
/// at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// The signal that arrived, or 0.
  int signal() const;
  /// One that another process of the run has got counts as having arrived here.
  void adopt(std::int64_t signal);
  /// Throws Interrupted (train/observer.h) if one has arrived.
  void check() const;

 private:
  static constexpr std::array<int, 5> kSignals{SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGPIPE};

  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace convmae
