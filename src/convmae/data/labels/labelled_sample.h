#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/labels/crop_plan.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/data/resize/linear_resize.h"
#include "convmae/data/sample_loader.h"
#include "convmae/data/sources/label_pairs.h"
#include "convmae/data/transforms.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

/// What both kinds of samples need to know of pixels.
struct LabelledPixels {
  /// `decode.channels` is the number of channels delivered. Images are turned upright as their EXIF
  /// tag says, whatever stands here; labels never are.
  DecodeOptions decode;
  Normalisation normalisation = Normalisation::defaults(3);
};

struct LabelledSampleConfig : LabelledPixels {
  CropRecipe recipe;
};

/// What a SampleLoader<Sample> of `pairs` needs to train a segmentor. A sample has the recipe's
/// crop as its size, padded on the right and below with 0 and LabelMap::kIgnored; `content` is the
/// part that is image, `original` the size of the upright image, `map` its classes. A function of
/// the pair and the key alone. Bad samples (UserError) are those whose image or label cannot be
/// read, that differ in size, have an id that the scheme does not know, or, where the recipe
/// distorts, are not of 8 bits. Throws UserError for a configuration that makes no sense.
std::function<SampleLoader<Sample>::Make()> labelled_samples(
    std::shared_ptr<const LabelPairs> pairs, std::shared_ptr<const LabelScheme> scheme,
    LabelledSampleConfig config);

/// An image to be looked at whole.
struct WholeImage {
  std::vector<float> pixels;  ///< [channels, size.height, size.width], normalised
  Size size;
  Size original;                   ///< of the upright image, before its size was changed
  std::optional<LabelMap> labels;  ///< of `original`
};

struct WholeImageConfig : LabelledPixels {
  /// To the largest size within; nothing leaves the size.
  std::optional<Bounds> bounds = Bounds{};
};

/// What a SampleLoader<WholeImage> of `pairs` needs to test a segmentor: bad samples are those of
/// labelled_samples.
std::function<SampleLoader<WholeImage>::Make()> whole_images(
    std::shared_ptr<const LabelPairs> pairs, std::shared_ptr<const LabelScheme> scheme,
    WholeImageConfig config);

/// The same of any source, without labels.
std::function<SampleLoader<WholeImage>::Make()> whole_images(WholeImageConfig config);

}  // namespace convmae
