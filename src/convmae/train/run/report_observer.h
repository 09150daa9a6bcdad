#pragma once

#include "convmae/report/report.h"
#include "convmae/train/observer.h"

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace convmae {

/// Writes a run's report; `note` says how the run ended, or is empty.
using WriteReport = std::function<void(RunStatus status, const std::string& note)>;

/// Writes the report anew now and then. One that cannot be written is worth a warning.
class ReportObserver : public Observer {
 public:
  ReportObserver(WriteReport write, std::function<void(const std::string&)> say)
      : write_(std::move(write)), say_(std::move(say)) {}

  void stepped(const StepRecord& record, const Moment& now) override;
  /// Returns whether it could be written.
  bool refresh(RunStatus status, const std::string& note = "");

 private:
  using Clock = std::chrono::steady_clock;

  WriteReport write_;
  std::function<void(const std::string&)> say_;
  Clock::time_point written_ = Clock::now();
};

}  // namespace convmae
