#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/detect/sampler.h"
#include "convmae/model/encoder/drop_path.h"
#include "convmae/train/batch_key.h"

#include <cstdint>
#include <vector>

namespace convmae {

/// What a training pass leaves to chance.
struct TrainingDraws {
  std::vector<SubsetDraw> anchors;    ///< of each image: which anchors the loss looks at
  std::vector<SubsetDraw> proposals;  ///< and which proposals
  DropPath drop_path{};
};

/// Stochastic depth of every block of the encoder, in the order in which images pass them: branches
/// are left out image by image, or, in blocks whose attention is in windows, window by window if
/// the configuration says so. Rates rise evenly from 0 in the first block to `rate` in the last.
DropPath detector_drop_path(const DetectorConfig& config, Size image, double rate,
                            const BatchKey& key);

/// All draws for a batch of images of that size.
TrainingDraws training_draws(const DetectorConfig& config, Size image, double drop_path_rate,
                             const BatchKey& key);

}  // namespace convmae
