#pragma once

#include "convmae/data/objects/image_sample.h"
#include "convmae/data/objects/object_mover.h"
#include "convmae/data/sources/annotated_images.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace convmae {

/// How an annotated image becomes a sample: objects move as the pixels do.
using AnnotatedSampleConfig = ImageSampleConfig;

/// Makes the samples that detection is trained and tested on: pixels and objects of an annotated
/// image after a recipe (ImageSampleMaker). Holds the buffers of its work: one a thread.
class AnnotatedSampleMaker {
 public:
  /// Throws UserError for a recipe or a normalisation that makes no sense.
  AnnotatedSampleMaker(std::shared_ptr<const AnnotatedImages> images, AnnotatedSampleConfig config);

  /// A function of the image's number in the source and the key alone. Throws UserError for an
  /// image that cannot be read, is not of the size that the annotations say, or has masks that are
  /// none.
  Sample make(std::int64_t index, const DrawKey& key);

 private:
  std::shared_ptr<const AnnotatedImages> images_;
  ImageSampleMaker pixels_;
  ObjectMover object_mover_;
};

/// What a SampleLoader<Sample> of `images` needs: a maker for each of its threads.
std::function<SampleLoader<Sample>::Make()> annotated_samples(
    std::shared_ptr<const AnnotatedImages> images, AnnotatedSampleConfig config);

}  // namespace convmae
