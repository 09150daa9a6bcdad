#pragma once

#include <chrono>

namespace convmae {

/// Notes the seconds that a scope takes.
class Stopwatch {
 public:
  /// `seconds` outlives this object, which sets it at its end.
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() { seconds_ = std::chrono::duration<double>(Clock::now() - begin_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  double& seconds_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace convmae
