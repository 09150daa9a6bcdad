#pragma once

#include "convmae/report/terminal.h"

#include <chrono>
#include <cstdint>

namespace convmae {

/// How far a command has come with many images: a line on standard error that is redrawn in place
/// on a terminal, and written anew every ten seconds anywhere else.
class ImageProgress {
 public:
  explicit ImageProgress(std::int64_t total);
  /// Takes the line away.
  ~ImageProgress();
  ImageProgress(const ImageProgress&) = delete;
  ImageProgress& operator=(const ImageProgress&) = delete;

  void update(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;

  Terminal terminal_ = standard_error();
  std::int64_t total_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point shown_ = begin_;
};

}  // namespace convmae
