#pragma once

#include "convmae/data/sources/source.h"
#include "convmae/data/transforms.h"

#include <cstdint>

namespace convmae {

/// What the stages of the image pipeline cost on one thread, in CPU seconds an image.
struct PipelineBenchmark {
  double read = 0;
  double decode = 0;
  double resize = 0;     ///< with the crop
  double augment = 0;    ///< mirror (where RandAugment is on) and RandAugment
  double normalise = 0;  ///< mirror, normalisation to float planes, random erasing
  double bytes = 0;      ///< of an encoded image

  double to_pixels() const { return read + decode + resize + augment; }
  double all() const { return to_pixels() + normalise; }
};

/// Takes `images` samples through the pipeline, in the source's order and from its beginning again
/// where it has fewer; each sample has its own draws. Throws UserError for an image that cannot be
/// used.
PipelineBenchmark benchmark_pipeline(const ImageSource& source, const TransformConfig& transform,
                                     std::int64_t images, std::uint64_t seed);

}  // namespace convmae
