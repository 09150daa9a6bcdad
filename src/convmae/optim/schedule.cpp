#include "convmae/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace convmae {

double LearningRateSchedule::decayed(double progress) const {
  switch (shape.decay) {
    case Decay::cosine:
      return min_lr + (lr - min_lr) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    case Decay::linear:
      return min_lr + (lr - min_lr) * (1.0 - progress);
    case Decay::drops:
      break;
  }
  double rate = lr;
  for (const double drop : shape.drops) rate *= progress < drop ? 1.0 : 0.1;
  return rate;
}

double LearningRateSchedule::at(double time) const {
  if (shape.warmup == Warmup::before_decay) {
    return time < warmup ? lr * time / warmup : decayed((time - warmup) / (length - warmup));
  }
  if (time >= warmup) return decayed(time / length);
  const double share = time / warmup;
  if (shape.warmup == Warmup::factor) {
    return decayed(time / length) * (1.0 - (1.0 - share) * (1.0 - shape.warmup_start));
  }
  const double begin = shape.warmup_start * decayed(0);
  return begin + (decayed(warmup / length) - begin) * share;
}

double scaled_learning_rate(double base_lr, std::int64_t images_per_step) {
  return base_lr * static_cast<double>(images_per_step) / 256.0;
}

double fractional_epoch(std::int64_t epoch, std::int64_t batch, std::int64_t batches_per_epoch) {
  return static_cast<double>(epoch) +
         static_cast<double>(batch) / static_cast<double>(batches_per_epoch);
}

}  // namespace convmae
