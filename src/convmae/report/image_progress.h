#pragma once

#include "convmae/report/progress.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace convmae {

/// How far something has come with many images. What is done within the line's interval shows
/// nothing.
class ImageProgress {
 public:
  /// On a line of its own on standard error.
  explicit ImageProgress(std::int64_t total);
  /// On a line that others write to as well; `what` the images are.
  ImageProgress(ProgressLine& line, std::int64_t total, std::string what);
  /// Takes the line away.
  ~ImageProgress();
  ImageProgress(const ImageProgress&) = delete;
  ImageProgress& operator=(const ImageProgress&) = delete;

  void update(std::int64_t done);
  /// Writes a line of text that stays.
  void message(std::string_view text) { line_.message(text); }

 private:
  std::optional<ProgressLine> own_;
  ProgressLine& line_;
  std::int64_t total_;
  std::string what_ = "images";
  double begin_ = line_.seconds();
};

}  // namespace convmae
