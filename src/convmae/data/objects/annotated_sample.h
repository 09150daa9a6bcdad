#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/objects/image_mover.h"
#include "convmae/data/objects/object_mover.h"
#include "convmae/data/sample_loader.h"
#include "convmae/data/sources/annotated_images.h"
#include "convmae/data/transforms.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace convmae {

struct AnnotatedSampleConfig {
  GeometryRecipe recipe;
  /// `decode.channels` is the number of channels delivered. Images are turned upright as their EXIF
  /// tag says, whatever stands here: annotations are of what one sees.
  DecodeOptions decode;
  Normalisation normalisation = Normalisation::defaults(3);
};

/// Makes the samples that detection is trained and tested on: pixels and objects of an annotated
/// image after a recipe. Grey padding of the recipe counts as image, as in the published model:
/// `content` is `size`. Holds the buffers of its work: one a thread.
class AnnotatedSampleMaker {
 public:
  /// Throws UserError for a recipe or a normalisation that makes no sense.
  AnnotatedSampleMaker(std::shared_ptr<const AnnotatedImages> images, AnnotatedSampleConfig config);

  /// A function of the image's number in the source and the key alone. Throws UserError for an
  /// image that cannot be read, is not of the size that the annotations say, or has masks that are
  /// none.
  Sample make(std::int64_t index, const DrawKey& key);

 private:
  Sample make_of_any_size(std::int64_t index, const DrawKey& key);
  void decode(std::int64_t index);
  /// Gives back what a large image took.
  void forget_giants();

  std::shared_ptr<const AnnotatedImages> images_;
  AnnotatedSampleConfig config_;
  std::vector<std::uint8_t> encoded_;
  Image decoded_;
  ImageMover image_mover_;
  ObjectMover object_mover_;
};

/// What a SampleLoader<Sample> of `images` needs: a maker for each of its threads.
std::function<SampleLoader<Sample>::Make()> annotated_samples(
    std::shared_ptr<const AnnotatedImages> images, AnnotatedSampleConfig config);

}  // namespace convmae
