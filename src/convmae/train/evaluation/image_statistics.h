#pragma once

#include "convmae/base/geometry.h"
#include "convmae/data/sources/source.h"

#include <cstdint>
#include <functional>
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

struct StatisticsReading {
  Size size{224, 224};
  std::int64_t channels = 3;
  std::int64_t num_workers = 2;
  std::function<void(std::int64_t)> progress;  ///< called with the number of images that are done
};

/// Throws UserError if an image cannot be read.
ImageStatistics image_statistics(std::shared_ptr<const ImageSource> source,
                                 const StatisticsReading& reading);

}  // namespace convmae
