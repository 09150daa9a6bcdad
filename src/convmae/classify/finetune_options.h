#pragma once

#include "convmae/data/augment/mixing.h"
#include "convmae/data/augment/rand_augment.h"
#include "convmae/data/augment/random_erasing.h"
#include "convmae/model/classifier.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// What a run that trains a classifier can be asked for, beside what every run can.
struct ClassifierOptions : TrainingOptions {
  std::string pool = "mean";
  /// How a first convolution becomes one for another number of channels: mean, repeat, random.
  std::string in_chans_init = "mean";
};

/// The published fine-tuning recipe of ConvMAE-B is the default.
struct FinetuneOptions : ClassifierOptions {
  FinetuneOptions();

  double layer_decay = 0.65;
  double drop_path = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double model_ema_decay = 0;  ///< 0: no average of the weights

  // Augmentation.
  std::string aa = "rand-m9-mstd0.5-inc1";  ///< RandAugment as timm spells it, or none
  double reprob = 0.25;
  double mixup = 0.8;
  double cutmix = 1.0;
  double mixup_prob = 1.0;
  double mixup_switch_prob = 0.5;
  std::string mixup_mode = "batch";
  std::int64_t mixup_group = 0;  ///< images that are mixed with each other; 0: the batch
  double smoothing = 0.1;

  /// Nothing for `none`. Throws UserError for a text that is no policy.
  std::optional<RandAugment> rand_augment() const;
  RandomErasing random_erasing() const;
  MixingPolicy mixing() const;
};

/// The published linear probe is the default.
struct LinprobeOptions : ClassifierOptions {
  LinprobeOptions();

  /// Computes the features of all images once, centre-cropped, instead of at every epoch from
  /// augmented images.
  bool features_cached = false;
};

/// Fills in what was left open. Paths to data become absolute.
void resolve(FinetuneOptions& options);
void resolve(LinprobeOptions& options);

/// Throws UserError for values that make no sense. The model's configuration is checked too.
void validate(const FinetuneOptions& options);
void validate(const LinprobeOptions& options);

}  // namespace convmae
