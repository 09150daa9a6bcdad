#include "convmae/report/image_progress.h"

#include "convmae/report/format.h"

#include <algorithm>
#include <utility>

namespace convmae {

ImageProgress::ImageProgress(std::int64_t total)
    : own_(std::in_place, standard_error()), line_(*own_), total_(total) {}

ImageProgress::ImageProgress(ProgressLine& line, std::int64_t total, std::string what)
    : line_(line), total_(total), what_(std::move(what)) {}

ImageProgress::~ImageProgress() { line_.clear(); }

void ImageProgress::update(std::int64_t done) {
  const double seconds = line_.seconds() - begin_;
  if (seconds < line_.interval()) return;
  done = std::min(done, total_);  // of several processes each may count for all of them
  line_.update(std::to_string(done) + " of " + std::to_string(total_) + " " + what_ + ", " +
               format_number(static_cast<double>(done) / seconds, 3) + " images/s");
}

}  // namespace convmae
