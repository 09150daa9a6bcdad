#pragma once

namespace convmae {

/// Lets SIGINT (Ctrl-C), SIGTERM and SIGUSR1 (job schedulers' notice) ask for an orderly end while
/// this object lives: the first one is only noted, a second one ends the process at once. At most
/// one object at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// The signal that arrived, or 0.
  int signal() const;
};

}  // namespace convmae
