#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// What a run that trains a detector can be asked for, beside what every run can. The published
/// recipe of the paper's own detector is the default.
struct DetectOptions : TrainingOptions {
  DetectOptions();

  // Where things are: `data` and `eval_data` are folders of images.
  std::string annotations;       ///< what the images of `data` show, as COCO's JSON
  std::string eval_annotations;  ///< the same of `eval_data`
  bool keep_empty = false;       ///< train on images without objects too

  // The model. `preset` names the published detector that `detector` started from.
  std::string preset = "alpha";
  DetectorConfig detector;
  /// How a first convolution becomes one for another number of channels: mean, repeat, random.
  std::string in_chans_init = "mean";

  std::vector<double> jitter{0.1, 2};  ///< bounds of the factor on an image's size
  double layer_decay = 1;
  double drop_path = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::string lr_schedule = "cosine";  ///< or step
  std::vector<double> lr_drops{8.0 / 9, 26.0 / 27};
  /// Activations of the encoder are computed once more in the backward pass.
  bool recompute = false;

  std::string best_by = "box_ap";  ///< or mask_ap
};

/// Fills in what was left open. Paths to data become absolute.
void resolve(DetectOptions& options);

/// Throws UserError for values that make no sense. The detector's configuration is checked too.
void validate(const DetectOptions& options);

}  // namespace convmae
