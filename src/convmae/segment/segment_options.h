#pragma once

#include "convmae/data/labels/crop_plan.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/segment/pixel_loss.h"
#include "convmae/segment/segmentor_checkpoint.h"
#include "convmae/segment/segmentor_config.h"
#include "convmae/segment/sliding_window.h"
#include "convmae/train/training_options.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// What a run that trains a segmentor can be asked for, beside what every run can. The published
/// recipe of ConvMAE-B on ADE20K is the default.
struct SegmentOptions : TrainingOptions {
  SegmentOptions();

  // The model. Its encoder is that of `model_config`, whose images are the crops.
  SegmentorConfig segmentor;
  /// How a first convolution becomes one for another number of channels: mean, repeat, random.
  std::string in_chans_init = "mean";
  /// The stages, from 1, whose activations are computed once more in the backward pass.
  std::vector<std::int64_t> recompute;

  // Labels.
  std::string labels;       ///< folder of label files where `data` is a folder of images
  std::string eval_labels;  ///< the same of `eval_data`
  LabelSchemeOptions scheme;

  // Images: `flip` mirrors half of them.
  std::vector<std::int64_t> bounds{2048, 512};  ///< of the longer and the shorter side
  std::vector<double> ratio_range{0.5, 2.0};    ///< factors on the bounds
  double cat_max_ratio = 0.75;                  ///< most of a crop that may be of one class
  bool distort = true;                          ///< photometric distortion

  // The loss.
  std::string loss_average = "all";
  std::string class_weights;  ///< a file, balanced, or nothing

  // Optimisation.
  double layer_decay = 0.75;
  double beta1 = 0.9;
  double beta2 = 0.999;

  // Evaluating.
  Size stride;                 ///< of windows as large as the crop; without a side: by a third
  bool mirror = false;         ///< averages over the mirrored image
  bool original_size = false;  ///< looks at images at their own size
  std::int64_t panel_images = 4;

  CropRecipe recipe() const;
  std::array<bool, 3> recomputed() const;
  TestSizes test_sizes() const;
  Viewing viewing() const;
};

/// Fills in what was left open. Paths to data become absolute.
void resolve(SegmentOptions& options);

/// Throws UserError for values that make no sense. The model's configuration is checked too, as far
/// as it does not depend on the classes.
void validate(const SegmentOptions& options);

}  // namespace convmae
