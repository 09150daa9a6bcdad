#pragma once

#include "convmae/train/run/recent_values.h"

#include <chrono>
#include <cstdint>

namespace convmae {

/// How fast steps follow each other, and what share of the time they wait for data.
class Throughput {
 public:
  /// Begins an epoch, or the rest of one.
  void begin_epoch();
  /// Notes a finished step. `waited` are the seconds of it that went by without data.
  void add_step(std::int64_t images, double waited);

  // Of the latest steps.
  double images_per_second() const;
  double wait_share() const;
  double seconds_per_step() const;

  // Of the epoch so far, or of the part of it that this process did.
  double epoch_seconds() const { return epoch_seconds_; }
  double epoch_images_per_second() const;
  double epoch_wait_share() const;

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point last_ = Clock::now();
  RecentValues seconds_;
  RecentValues images_;
  RecentValues waited_;
  double epoch_seconds_ = 0;
  double epoch_waited_ = 0;
  std::int64_t epoch_images_ = 0;
};

}  // namespace convmae
