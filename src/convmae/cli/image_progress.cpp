#include "convmae/cli/image_progress.h"

#include "convmae/report/format.h"

#include <string>

namespace convmae {

ImageProgress::ImageProgress(std::int64_t total) : total_(total) {}

ImageProgress::~ImageProgress() {
  if (terminal_.interactive) terminal_.write("\r\x1b[K");
}

void ImageProgress::update(std::int64_t done) {
  const std::chrono::duration<double> interval(terminal_.interactive ? 0.1 : 10);
  const Clock::time_point now = Clock::now();
  if (now - shown_ < interval) return;
  shown_ = now;
  const double rate =
      static_cast<double>(done) / std::chrono::duration<double>(now - begin_).count();
  const std::string text = std::to_string(done) + " of " + std::to_string(total_) + " images, " +
                           format_number(rate, 3) + " images/s";
  terminal_.write(terminal_.interactive ? "\r\x1b[K" + text : text + "\n");
}

}  // namespace convmae
