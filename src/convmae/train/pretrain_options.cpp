#include "convmae/train/pretrain_options.h"

#include "convmae/ops/gemm.h"
#include "convmae/train/option_checks.h"
#include "convmae/train/precision.h"
#include "convmae/train/preprocessing.h"
#include "convmae/train/schedule.h"

#include <ATen/core/ATen_fwd.h>
#include <c10/core/ScalarType.h>

#include <algorithm>

namespace convmae {

double PretrainOptions::peak_lr() const {
  return lr ? *lr : scaled_learning_rate(blr, images_per_step());
}

void resolve(PretrainOptions& options) {
  make_absolute(options.data);
  make_absolute(options.eval_data);
  make_absolute(options.init);
  if (options.probe_every > 0 && options.probe_data.empty()) {
    options.probe_data = options.eval_data;
  }
  make_absolute(options.probe_data);
  const Preprocessing defaults = default_preprocessing(options.model_config.in_chans, {});
  if (options.mean.empty()) options.mean = defaults.mean;
  if (options.std.empty()) options.std = defaults.std;
  const auto epochs = static_cast<double>(options.epochs);
  if (!options.warmup_epochs) options.warmup_epochs = std::min(40.0, epochs / 10);
  if (options.threads == 0) options.threads = usable_cpus();
  if (options.num_workers < 0) options.num_workers = std::min<std::int64_t>(8, usable_cpus());
  if (options.panel_every_epochs == 0) {
    options.panel_every_epochs = std::max<std::int64_t>(1, options.epochs / 10);
  }
  const at::ScalarType type = parse_precision(options.precision);
  if (options.gemm == "auto") options.gemm = to_string(default_gemm_backend(type));
}

void validate(const PretrainOptions& options) {
  validate(options.model_config);
  require(!options.init_optimizer || !options.init.empty(),
          "--init_optimizer goes with --init FILE, whose optimizer state it takes");
  const auto channels = static_cast<std::size_t>(options.model_config.in_chans);
  require(options.mean.size() == channels && options.std.size() == channels,
          "--mean and --std need one number a channel, here " + std::to_string(channels) +
              ", found " + std::to_string(options.mean.size()) + " and " +
              std::to_string(options.std.size()));
  require(std::ranges::all_of(options.std, [](double value) { return value > 0; }),
          "--std must be above 0 in every channel");
  require(options.crop_scale.size() == 2 && 0 < options.crop_scale[0] &&
              options.crop_scale[0] <= options.crop_scale[1] && options.crop_scale[1] <= 1,
          "--crop_scale takes two shares of the area in ascending order, such as 0.2 1");
  require(options.on_bad_sample == "skip" || options.on_bad_sample == "error",
          "--on_bad_sample must be skip or error, found '" + options.on_bad_sample + "'");
  require_share(options.max_bad_share, "max_bad_share");
  require_at_least(options.num_workers, 0, "num_workers");
  require_at_least(options.batch_size, 1, "batch_size");
  require_at_least(options.accum_iter, 1, "accum_iter");
  require_at_least(options.epochs, 1, "epochs");
  require(
      *options.warmup_epochs >= 0 && *options.warmup_epochs < static_cast<double>(options.epochs),
      "--warmup_epochs must be at least 0 and below the number of epochs (" +
          std::to_string(options.epochs) + "), found " + std::to_string(*options.warmup_epochs));
  require_not_negative(options.blr, "blr");
  require_not_negative(options.peak_lr(), "lr");
  require_not_negative(options.min_lr, "min_lr");
  require_not_negative(options.weight_decay, "weight_decay");
  require_not_negative(options.clip_grad, "clip_grad");
  require_not_negative(options.max_minutes, "max_minutes");
  require_share(options.beta1, "beta1");
  require_share(options.beta2, "beta2");
  require_at_least(options.max_skipped_steps, 0, "max_skipped_steps");
  require_at_least(options.save_every_epochs, 0, "save_every_epochs");
  require_at_least(options.save_every_steps, 0, "save_every_steps");
  require_at_least(options.keep_last, 1, "keep_last");
  require_at_least(options.eval_every_epochs, 1, "eval_every_epochs");
  require_at_least(options.panel_every_epochs, 1, "panel_every_epochs");
  require_at_least(options.panel_images, 0, "panel_images");
  require_at_least(options.probe_every, 0, "probe_every");
  require(options.probe_every == 0 || !options.probe_data.empty(),
          "--probe_every needs --probe_data, a folder with one subfolder a class");
  require_at_least(options.threads, 1, "threads");
  parse_precision(options.precision);
  parse_gemm_backend(options.gemm);
}

}  // namespace convmae
