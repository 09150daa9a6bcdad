#pragma once

#include "convmae/checkpoint/first_convolution.h"
#include "convmae/coco/dataset.h"
#include "convmae/detect/detector.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

/// What taking a new detector's weights from a file did.
struct DetectorInit {
  std::string text;            ///< for the console
  bool knows_classes = false;  ///< rows of some of its classes were taken
};

/// Takes a new detector's weights from a file of any kind, ours or any other with published names.
/// Of pretraining or of a classifier that is the encoder. Of a detector it is everything whose
/// shape is the same, and of what has rows for classes those of classes with the same name, and the
/// background's; all else stays new. Tables of positions of another grid are interpolated, a first
/// convolution for another number of channels is adapted. Throws UserError if a tensor of the
/// encoder is missing or has another shape, and for run directories and training checkpoints of
/// ours, which are for --resume.
DetectorInit take_weights(const std::filesystem::path& path, Detector& detector,
                          InChansInit in_chans_init, const std::vector<coco::Category>& categories);

/// What a file says about the detector or the encoder in it, by the names of the flags; of a file
/// of ours mean and standard deviation too. Throws UserError if it holds neither.
nlohmann::ordered_json detector_settings(const std::filesystem::path& path);

}  // namespace convmae
