#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/segment/segmentor_inference.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>

namespace convmae {

/// What the loss of each class's pixels is multiplied with, [K] float32: of a file with a number a
/// line, in the order of the classes, or with a name and a number as CSV. Throws UserError, naming
/// the file, if a class has none or two, and for what is no number of 0 or more.
at::Tensor read_class_weights(const std::filesystem::path& path, const LabelScheme& scheme);

/// Weights by which all classes count alike: pixels / (classes * pixels of the class), over the
/// classes that occur; 1 for others. Reads every label; those that cannot be used count for
/// nothing. `progress` hears how many are read.
at::Tensor balanced_class_weights(const LabelledPairs& data, std::int64_t max_pixels,
                                  const std::function<void(std::int64_t)>& progress);

}  // namespace convmae
