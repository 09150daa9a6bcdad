#pragma once

#include "convmae/train/recent_values.h"

#include <cstdint>
#include <functional>
#include <utility>

namespace convmae {

/// How fast steps follow each other, and what share of the time they wait for data.
struct Speed {
  // Of the latest steps.
  double images_per_second = 0;
  double wait_share = 0;
  double seconds_per_step = 0;

  // Of the epoch so far, or of the part of it that this process did.
  double epoch_seconds = 0;
  double epoch_images_per_second = 0;
  double epoch_wait_share = 0;
};

/// Measures it.
class Throughput {
 public:
  /// `seconds` only grows.
  explicit Throughput(std::function<double()> seconds)
      : seconds_now_(std::move(seconds)), last_(seconds_now_()) {}

  /// Begins an epoch, or the rest of one.
  void begin_epoch();
  /// Goes on after a pause, whose time is none of the next step's.
  void resume() { last_ = seconds_now_(); }
  /// Notes a finished step. `waited` are the seconds of it that went by without data.
  void add_step(std::int64_t images, double waited);

  Speed speed() const;

 private:
  std::function<double()> seconds_now_;
  double last_;
  RecentValues seconds_;
  RecentValues images_;
  RecentValues waited_;
  double epoch_seconds_ = 0;
  double epoch_waited_ = 0;
  std::int64_t epoch_images_ = 0;
};

}  // namespace convmae
