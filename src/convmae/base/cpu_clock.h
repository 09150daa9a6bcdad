#pragma once

namespace convmae {

/// CPU time that all threads of this process have used so far, user and system, by the operating
/// system's accounting: what a benchmark on a shared machine can compare.
double process_cpu_seconds();

/// Adds the CPU time between its calls to one sum after the other.
class CpuStopwatch {
 public:
  CpuStopwatch() : last_(process_cpu_seconds()) {}
  void lap(double& sum) {
    const double now = process_cpu_seconds();
    sum += now - last_;
    last_ = now;
  }

 private:
  double last_;
};

/// CPU seconds of one call: the least of three turns, each of as many calls as `turn_seconds` hold.
template <typename Work>
double cpu_seconds_of(Work&& work, double turn_seconds) {
  constexpr int kTurns = 3;
  work();
  double best = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double begin = process_cpu_seconds();
    double spent = 0;
    int calls = 0;
    for (; spent < turn_seconds; ++calls) {
      work();
      spent = process_cpu_seconds() - begin;
    }
    if (turn == 0 || spent / calls < best) best = spent / calls;
  }
  return best;
}

}  // namespace convmae
