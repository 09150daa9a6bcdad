#include "convmae/classify/finetune_options.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/train/option_checks.h"

#include <cmath>
#include <string_view>

namespace convmae {
namespace {

/// The number behind `name` in a part such as "mstd0.5".
std::optional<double> number_behind(std::string_view part, std::string_view name) {
  if (!part.starts_with(name)) return std::nullopt;
  return parse_number<double>(part.substr(name.size()));
}

/// "rand-m9-mstd0.5-inc1": level, deviation of the level, whether a higher level is always a
/// stronger effect; "n2": operations an image.
RandAugment parse_policy(const std::string& text) {
  const auto refuse = [&text](const std::string& reason) {
    throw UserError("--aa must be none or a policy such as rand-m9-mstd0.5-inc1, found " +
                    quote(text) + ": " + reason);
  };
  RandAugment policy;
  policy.level = 10;
  policy.level_std = 0;
  bool increasing = false;
  std::string_view rest = text;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('-'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (first) {
      if (part != "rand") refuse("only RandAugment is known");
      first = false;
    } else if (const auto deviation = number_behind(part, "mstd")) {
      policy.level_std = *deviation;
    } else if (const auto on = number_behind(part, "inc")) {
      increasing = *on == 1;
    } else if (const auto level = number_behind(part, "m")) {
      policy.level = *level;
    } else if (const auto layers = number_behind(part, "n")) {
      constexpr double kMostLayers = 100;
      if (!(*layers >= 0 && *layers <= kMostLayers)) refuse("an image gets 0 to 100 operations");
      policy.layers = static_cast<int>(*layers);
    } else {
      refuse("it has an unknown part " + quote(std::string(part)));
    }
  }
  if (!increasing) refuse("only the increasing levels of inc1 are known");
  const bool levels_fit = policy.level >= 0 && policy.level <= 10 && policy.level_std >= 0 &&
                          std::isfinite(policy.level_std);
  if (!levels_fit) refuse("levels lie in 0..10");
  return policy;
}

void check_model(const ClassifierOptions& options) {
  validate(options.model_config.encoder);
  validate_training(options);
  parse_pool(options.pool);
  parse_in_chans_init(options.in_chans_init);
}

}  // namespace

FinetuneOptions::FinetuneOptions() {
  epochs = 100;
  warmup_epochs = 5;
  blr = 5e-4;
  min_lr = 1e-6;
  weight_decay = 0.05;
}

LinprobeOptions::LinprobeOptions() {
  batch_size = 512;
  epochs = 90;
  warmup_epochs = 10;
  blr = 0.1;
}

std::optional<RandAugment> FinetuneOptions::rand_augment() const {
  if (aa.empty() || aa == "none") return std::nullopt;
  return parse_policy(aa);
}

RandomErasing FinetuneOptions::random_erasing() const {
  RandomErasing policy;
  policy.probability = reprob;
  return policy;
}

MixingPolicy FinetuneOptions::mixing() const {
  MixingPolicy policy;
  policy.mixup_alpha = mixup;
  policy.cutmix_alpha = cutmix;
  policy.probability = mixup_prob;
  policy.cutmix_share = mixup_switch_prob;
  policy.mode = parse_mixing_mode(mixup_mode);
  policy.group = mixup_group > 0 ? mixup_group : batch_size;
  policy.label_smoothing = smoothing;
  return policy;
}

void resolve(FinetuneOptions& options) {
  resolve_training(options);
  if (options.mixup_group == 0) options.mixup_group = options.batch_size;
}

void resolve(LinprobeOptions& options) { resolve_training(options); }

void validate(const FinetuneOptions& options) {
  check_model(options);
  require(
      options.layer_decay > 0 && options.layer_decay <= 1,
      "--layer_decay must be above 0 and at most 1, found " + std::to_string(options.layer_decay));
  require_share(options.drop_path, "drop_path");
  require_share(options.beta1, "beta1");
  require_share(options.beta2, "beta2");
  require_share(options.model_ema_decay, "model_ema_decay");
  require_share(options.smoothing, "smoothing");
  require(options.reprob >= 0 && options.reprob <= 1,
          "--reprob must lie in 0..1, found " + std::to_string(options.reprob));
  require(!options.rand_augment() || options.model_config.encoder.in_chans == 3,
          "RandAugment works on images with 3 channels, here are " +
              std::to_string(options.model_config.encoder.in_chans) + ": give --aa none");
  validate(options.mixing(), options.batch_size);
}

void validate(const LinprobeOptions& options) {
  check_model(options);
  // Training batches are whole: none is smaller than this.
  require(options.shared_batch() > 1,
          "--batch_size must be 2 or more for a linear probe, found " +
              std::to_string(options.batch_size) +
              ": its batch norm divides by the deviation within a batch");
}

}  // namespace convmae
