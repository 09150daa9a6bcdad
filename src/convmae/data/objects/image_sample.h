#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/objects/image_mover.h"
#include "convmae/data/sample.h"
#include "convmae/data/sample_loader.h"
#include "convmae/data/transforms.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace convmae {

/// How an image becomes a sample of any size.
struct ImageSampleConfig {
  GeometryRecipe recipe;
  /// `decode.channels` is the number of channels delivered. Images are turned upright as their EXIF
  /// tag says, whatever stands here: annotations, and boxes that are found, are of what one sees.
  DecodeOptions decode;
  Normalisation normalisation = Normalisation::defaults(3);
};

/// Throws UserError for a recipe or a normalisation that makes no sense.
void validate(const ImageSampleConfig& config);

/// Makes samples of images after a recipe, of which nothing but the pixels is known. Grey padding
/// of the recipe counts as image, as in the published model: `content` is `size`. Holds the buffers
/// of its work: one a thread.
class ImageSampleMaker {
 public:
  /// Sees what is done to an image before it is done, and adds to its sample what else is to move.
  using Companion = std::function<void(const GeometryPlan& plan, Sample& sample)>;

  /// Throws UserError as `validate` does.
  explicit ImageSampleMaker(ImageSampleConfig config);

  /// A function of the image and the key alone. Throws UserError for an image that cannot be read,
  /// and what `companion` throws.
  Sample make(const ImageSource& source, std::int64_t index, const DrawKey& key,
              const Companion& companion = {});

 private:
  Sample make_of_any_size(const ImageSource& source, std::int64_t index, const DrawKey& key,
                          const Companion& companion);
  /// Gives back what a large image took.
  void forget_giants();

  ImageSampleConfig config_;
  std::vector<std::uint8_t> encoded_;
  Image decoded_;
  ImageMover image_mover_;
};

/// What a SampleLoader<Sample> needs: a maker for each of its threads. `check_size` hears the
/// number and the upright size of each image, and throws UserError for one that is not as expected;
/// threads call it.
std::function<SampleLoader<Sample>::Make()> image_samples(
    ImageSampleConfig config,
    std::function<void(std::int64_t index, Size upright)> check_size = {});

}  // namespace convmae
