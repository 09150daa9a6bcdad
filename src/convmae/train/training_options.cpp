#include "convmae/train/training_options.h"

#include "convmae/base/cpus.h"
#include "convmae/base/quote.h"
#include "convmae/base/threads.h"
#include "convmae/checkpoint/preprocessing.h"
#include "convmae/optim/schedule.h"
#include "convmae/report/format.h"
#include "convmae/train/option_checks.h"

#include <algorithm>
#include <cmath>

namespace convmae {
namespace {

constexpr double kLongestWarmup = 40;  // in epochs, unless asked for

/// Where the run is `epochs` long.
void require_warmup(const TrainingOptions& options, double epochs, std::int64_t steps_per_epoch) {
  const bool in_steps = options.warmup_steps.has_value();
  const double warmup = in_steps ? *options.warmup_steps : *options.warmup_epochs;
  const double length = in_steps ? epochs * static_cast<double>(steps_per_epoch) : epochs;
  const char* const unit = in_steps ? "steps" : "epochs";
  require(warmup >= 0 && warmup < length,
          std::string("--warmup_") + unit + " must be at least 0 and below the run's " +
              format_number(length) + " " + unit + ", found " + format_number(warmup));
}

/// In epochs, of a run of so many.
double default_warmup(const TrainingOptions& options, double epochs) {
  return std::min(kLongestWarmup, epochs * options.warmup_share);
}

}  // namespace

double TrainingOptions::peak_lr() const {
  return lr ? *lr : scaled_learning_rate(blr, images_per_step());
}

void resolve_training(TrainingOptions& options) {
  make_absolute(options.data);
  make_absolute(options.eval_data);
  make_absolute(options.init);
  const Preprocessing defaults = default_preprocessing(options.model_config.encoder.in_chans, {});
  if (options.mean.empty()) options.mean = defaults.mean;
  if (options.std.empty()) options.std = defaults.std;
  if (!options.steps && !options.warmup_steps && !options.warmup_epochs) {
    options.warmup_epochs = default_warmup(options, static_cast<double>(options.epochs));
  }
  if (options.num_workers < 0) options.num_workers = std::min<std::int64_t>(8, usable_cpus());
  resolve_compute(options);
}

void validate_training(const TrainingOptions& options) {
  const auto channels = static_cast<std::size_t>(options.model_config.encoder.in_chans);
  require(options.mean.size() == channels && options.std.size() == channels,
          "--mean and --std need one number a channel, here " + std::to_string(channels) +
              ", found " + std::to_string(options.mean.size()) + " and " +
              std::to_string(options.std.size()));
  // Pixels are float32: what divides them must be more than 0 as such a number too.
  require(std::ranges::all_of(options.std,
                              [](double value) {
                                const auto narrow = static_cast<float>(value);
                                return narrow > 0 && std::isnormal(1 / narrow);
                              }),
          "--std must be above 0 in every channel, and neither below 1e-37 nor over 1e37");
  require(std::ranges::all_of(
              options.mean, [](double value) { return std::isfinite(static_cast<float>(value)); }),
          "--mean must be a number that float32 holds in every channel");
  require(options.crop_scale.size() == 2 && 0 < options.crop_scale[0] &&
              options.crop_scale[0] <= options.crop_scale[1] && options.crop_scale[1] <= 1,
          "--crop_scale takes two shares of the area in ascending order, such as 0.2 1");
  require(options.on_bad_sample == "skip" || options.on_bad_sample == "error",
          "--on_bad_sample must be skip or error, found " + quote(options.on_bad_sample));
  require_share(options.max_bad_share, "max_bad_share");
  require_at_least(options.num_workers, 0, "num_workers");
  require_thread_count(options.num_workers, "--num_workers");
  require_count(options.batch_size, "batch_size");
  require_count(options.accum_iter, "accum_iter");
  require_count(options.epochs, "epochs");
  if (options.steps) require_count(*options.steps, "steps");
  if (!options.steps && !options.warmup_steps) {
    require_warmup(options, static_cast<double>(options.epochs), 1);
  }
  require_not_negative(options.blr, "blr");
  require(options.lr || std::isfinite(options.peak_lr()),
          "--blr times the images of a step must be finite, found --blr " +
              std::to_string(options.blr));
  require_not_negative(options.peak_lr(), "lr");
  require_not_negative(options.min_lr, "min_lr");
  require_not_negative(options.weight_decay, "weight_decay");
  require_not_negative(options.clip_grad, "clip_grad");
  require_not_negative(options.max_minutes, "max_minutes");
  require_at_least(options.max_skipped_steps, 0, "max_skipped_steps");
  require_at_least(options.save_every_epochs, 0, "save_every_epochs");
  require_at_least(options.save_every_steps, 0, "save_every_steps");
  require_at_least(options.keep_last, 1, "keep_last");
  require_at_least(options.eval_every_epochs, 1, "eval_every_epochs");
  if (options.eval_every_steps) {
    require_count(*options.eval_every_steps, "eval_every_steps");
    require(!options.eval_data.empty(), "--eval_every_steps needs " + options.eval_data_flag +
                                            ", the images to evaluate the model on");
  }
  require_at_least(options.patience, 0, "patience");
  require(options.patience == 0 || !options.eval_data.empty(),
          "--patience needs " + options.eval_data_flag + ", the images to evaluate the model on");
  require_at_least(options.threads, 1, "threads");
  validate_compute(options);
}

void settle_length(TrainingOptions& options, std::int64_t steps_per_epoch) {
  auto epochs = static_cast<double>(options.epochs);
  if (options.steps) {
    epochs = static_cast<double>(*options.steps) / static_cast<double>(steps_per_epoch);
    options.epochs = (*options.steps + steps_per_epoch - 1) / steps_per_epoch;
  }
  if (!options.warmup_steps && !options.warmup_epochs) {
    options.warmup_epochs = default_warmup(options, epochs);
  }
  if (options.steps || options.warmup_steps) require_warmup(options, epochs, steps_per_epoch);
}

LearningRateSchedule schedule_of(const TrainingOptions& options, std::int64_t steps_per_epoch) {
  const auto per_epoch = static_cast<double>(steps_per_epoch);
  LearningRateSchedule schedule{
      .lr = options.peak_lr(), .min_lr = options.min_lr, .shape = options.schedule};
  const double steps =
      static_cast<double>(options.steps.value_or(options.epochs * steps_per_epoch));
  for (double& drop : schedule.shape.drops) drop = std::round(drop * steps) / steps;
  if (options.steps) {
    schedule.length = static_cast<double>(*options.steps);
    schedule.warmup =
        options.warmup_steps ? *options.warmup_steps : *options.warmup_epochs * per_epoch;
  } else {
    schedule.length = static_cast<double>(options.epochs);
    schedule.warmup =
        options.warmup_steps ? *options.warmup_steps / per_epoch : *options.warmup_epochs;
  }
  return schedule;
}

}  // namespace convmae
