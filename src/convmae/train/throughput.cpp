#include "convmae/train/throughput.h"

namespace convmae {
namespace {

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

void Throughput::begin_epoch() {
  resume();
  epoch_seconds_ = 0;
  epoch_waited_ = 0;
  epoch_images_ = 0;
}

void Throughput::add_step(std::int64_t images, double waited) {
  const double now = seconds_now_();
  const double seconds = now - last_;
  last_ = now;
  seconds_.add(seconds);
  images_.add(static_cast<double>(images));
  waited_.add(waited);
  epoch_seconds_ += seconds;
  epoch_waited_ += waited;
  epoch_images_ += images;
}

Speed Throughput::speed() const {
  return {.images_per_second = ratio(images_.sum(), seconds_.sum()),
          .wait_share = ratio(waited_.sum(), seconds_.sum()),
          .seconds_per_step = ratio(seconds_.sum(), static_cast<double>(seconds_.size())),
          .epoch_seconds = epoch_seconds_,
          .epoch_images_per_second = ratio(static_cast<double>(epoch_images_), epoch_seconds_),
          .epoch_wait_share = ratio(epoch_waited_, epoch_seconds_)};
}

}  // namespace convmae
