#pragma once

#include "convmae/base/cpu_clock.h"
#include "convmae/train/observer.h"
#include "convmae/train/run/run_log.h"

#include <cstdint>

namespace convmae {

/// Writes the run's log: a line for each step, and one for each pause with what was found.
class LogObserver : public Observer {
 public:
  LogObserver(RunLog& log, std::int64_t parameters) : log_(log), parameters_(parameters) {}

  void begin(const Moment& now) override;
  void stepped(const StepRecord& record, const Moment&) override { log_.add_step(record); }
  void save(const Moment&) override { watch_.lap(cpu_seconds_); }
  void evaluated(const Moment& now, const Scores& scores) override;

 private:
  RunLog& log_;
  std::int64_t parameters_;
  CpuStopwatch watch_;
  double cpu_seconds_ = 0;  ///< of the run's training so far, without what evaluates it
};

}  // namespace convmae
