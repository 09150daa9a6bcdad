#pragma once

#include "convmae/base/geometry.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/source.h"
#include "convmae/train/batches.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace convmae {

/// Mean and standard deviation of each channel over all pixels that a model sees of the images:
/// values in 0..1, centre-cropped, each image with the same weight. What --mean and --std take.
struct ImageStatistics {
  std::int64_t images = 0;
  std::vector<double> mean;
  std::vector<double> std;
};

/// Of images of `size` pixels with so many channels. Throws UserError if an image that is not to be
/// left out cannot be used.
ImageStatistics image_statistics(std::shared_ptr<const ImageSource> source, Size size,
                                 std::int64_t channels, const ImageReading& reading);

}  // namespace convmae
