#include "convmae/train/run/throughput.h"

namespace convmae {
namespace {

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

void Throughput::begin_epoch() {
  last_ = Clock::now();
  epoch_seconds_ = 0;
  epoch_waited_ = 0;
  epoch_images_ = 0;
}

void Throughput::add_step(std::int64_t images, double waited) {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  seconds_.add(seconds);
  images_.add(static_cast<double>(images));
  waited_.add(waited);
  epoch_seconds_ += seconds;
  epoch_waited_ += waited;
  epoch_images_ += images;
}

double Throughput::images_per_second() const { return ratio(images_.sum(), seconds_.sum()); }
double Throughput::wait_share() const { return ratio(waited_.sum(), seconds_.sum()); }
double Throughput::seconds_per_step() const {
  return ratio(seconds_.sum(), static_cast<double>(seconds_.size()));
}

double Throughput::epoch_images_per_second() const {
  return ratio(static_cast<double>(epoch_images_), epoch_seconds_);
}
double Throughput::epoch_wait_share() const { return ratio(epoch_waited_, epoch_seconds_); }

}  // namespace convmae
