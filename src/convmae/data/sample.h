#pragma once

#include "convmae/base/geometry.h"
#include "convmae/coco/rle.h"
#include "convmae/data/objects/object_mask.h"
#include "convmae/data/sources/source.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace convmae {

/// The class of each pixel of an image, [height, width].
struct LabelMap {
  static constexpr std::int16_t kIgnored = -1;  ///< counts for nothing: padding, or unlabelled

  std::vector<std::int16_t> classes;
};

/// What an image shows, in pixels of that image.
struct Objects {
  std::vector<coco::XywhBox> boxes;
  std::vector<std::int64_t> classes;
  std::vector<ObjectMask> masks;  ///< one an object, or none at all
};

/// What a worker makes of an image for tasks whose images differ in size.
struct Sample {
  std::vector<float> pixels;  ///< [channels, size.height, size.width], normalised
  Size size;
  Size content;   ///< of the image in it, from the upper left corner: the rest is padding
  Size original;  ///< of the upright image before its size was changed, where anybody asks
  std::int64_t label = ImageSource::kNoLabel;
  std::optional<LabelMap> map;  ///< of `size`
  std::optional<Objects> objects;
};

/// Samples of different sizes in one block.
struct PaddedBatch {
  std::vector<float> pixels;  ///< [count, channels, size.height, size.width]
  Size size;
  std::vector<Size> contents;
  std::vector<Size> originals;
  std::vector<std::int64_t> labels;
  std::vector<std::int16_t> maps;  ///< [count, size.height, size.width]; empty if there are none
  std::vector<Objects> objects;    ///< empty if there are none
};

/// Makes a sample as high and as wide as `size`, which is no smaller, with the same padding on the
/// right and below. `content` stays.
void pad_to(Size size, std::int64_t channels, Sample& sample);

/// One block of samples, at least one: as high and as wide as the largest of them, rounded up to
/// `multiple`, with padding on the right and below: 0, the mean of normalised pixels, and
/// LabelMap::kIgnored. All have `channels` channels. All have a map or none has, and so with
/// objects; other samples are a violated invariant (std::logic_error).
PaddedBatch pad_together(std::span<const Sample> samples, std::int64_t channels,
                         std::int64_t multiple = 1);

}  // namespace convmae
