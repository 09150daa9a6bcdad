#pragma once

#include "convmae/data/image.h"
#include "convmae/data/objects/geometry_plan.h"
#include "convmae/data/sample.h"

#include <cstdint>

namespace convmae {

// What is done to an image and the classes of its pixels, as mmsegmentation 0.11 does it.

/// The largest size that a ratio of an image may have, in whichever direction it is longer.
struct Bounds {
  std::int64_t longest = 2048;
  std::int64_t shortest = 512;
};

/// What a segmentor is trained on, as published for ADE20K.
struct CropRecipe {
  Bounds bounds;
  double smallest = 0.5;  ///< the bounds are multiplied by a factor drawn from [smallest, largest)
  double largest = 2.0;
  Size crop{512, 512};
  /// Of the pixels of a crop that count, at most this share may be of one class (exclusive), which
  /// is tried eleven times; 1 takes any crop.
  double most_of_one_class = 0.75;
  bool mirror = true;   ///< for half of the draws
  bool distort = true;  ///< photometric distortion (augment/photometric.h)
};

/// Throws UserError for numbers that make no sense.
void check_recipe(const CropRecipe& recipe);

/// The size of an image as large as fits into the bounds.
Size size_within(const Bounds& bounds, Size image);

/// What draws made of a recipe for one image.
struct CropPlan {
  Size input;
  Size resized;
  Box window;  ///< within `resized`: smaller than the recipe's crop where the image is
  bool mirrored = false;
};

/// `labels` are of the whole image, which has the size `image`. Draws the factor, the place of the
/// crop (y, then x) once or up to eleven times, the coin of the mirror.
CropPlan plan_crop(const CropRecipe& recipe, const LabelMap& labels, Size image,
                   const GeometryDraws& draws);

/// The classes in the plan's window, taken from the nearest pixels as OpenCV does.
LabelMap cropped_labels(const LabelMap& labels, const CropPlan& plan);

}  // namespace convmae
