#include "convmae/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace convmae {

double LearningRateSchedule::at(double time) const {
  if (time < warmup) return lr * time / warmup;
  const double progress = (time - warmup) / (length - warmup);
  return min_lr + (lr - min_lr) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

double scaled_learning_rate(double base_lr, std::int64_t images_per_step) {
  return base_lr * static_cast<double>(images_per_step) / 256.0;
}

double fractional_epoch(std::int64_t epoch, std::int64_t batch, std::int64_t batches_per_epoch) {
  return static_cast<double>(epoch) +
         static_cast<double>(batch) / static_cast<double>(batches_per_epoch);
}

}  // namespace convmae
