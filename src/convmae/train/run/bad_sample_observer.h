#pragma once

#include "convmae/train/observer.h"
#include "convmae/train/run/run_images.h"

#include <chrono>

namespace convmae {

/// Of several processes, in the first one: now and then tells of the bad samples that the others
/// have met.
class BadSampleObserver : public Observer {
 public:
  explicit BadSampleObserver(RunImages& images) : images_(images) {}

  void stepped(const StepRecord&, const Moment&) override {
    constexpr std::chrono::seconds kInterval{5};
    if (Clock::now() - heard_ < kInterval) return;
    images_.hear_of_others();
    heard_ = Clock::now();
  }
  void evaluated(const Moment&, const Scores&) override { images_.hear_of_others(); }

 private:
  using Clock = std::chrono::steady_clock;

  RunImages& images_;
  Clock::time_point heard_ = Clock::now();
};

}  // namespace convmae
