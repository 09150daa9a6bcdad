#pragma once

#include "convmae/report/progress.h"
#include "convmae/train/observer.h"
#include "convmae/train/recent_values.h"

#include <functional>
#include <utility>

namespace convmae {

/// Shows on the console how training goes: a live line, and one that stays for each pause.
class ConsoleObserver : public Observer {
 public:
  /// `seconds` since the run began; `max_seconds` 0: no limit.
  ConsoleObserver(ProgressLine& line, std::function<double()> seconds, double max_seconds)
      : line_(line), seconds_(std::move(seconds)), max_seconds_(max_seconds) {}

  void stepped(const StepRecord& record, const Moment& now) override;
  void evaluated(const Moment& now, const Scores& scores) override;

 private:
  ProgressLine& line_;
  std::function<double()> seconds_;
  double max_seconds_;
  RecentValues recent_loss_;
};

}  // namespace convmae
