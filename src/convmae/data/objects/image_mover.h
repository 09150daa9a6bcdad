#pragma once

#include "convmae/data/objects/geometry_plan.h"
#include "convmae/data/resize/resize.h"

namespace convmae {

/// Takes the pixels of images through plans: resized as Pillow's bilinear filter does, padded with
/// detectron2's grey, 128 of 255. Holds the buffers of its work: one a thread.
class ImageMover {
 public:
  /// The image after the plan, of `plan.output`: uint8 for uint8, else float32 with the same range
  /// of values. `image`, of `plan.input`, is used up. Valid until the next call.
  const Image& move(Image& image, const GeometryPlan& plan);
  /// Gives back what a giant image took.
  void forget_giants();

 private:
  void resize(const Resized& resized, const Box& window);
  void pad(Size to, float grey);

  Resizer resizer_;
  Image* current_ = nullptr;  ///< the given one, or one of these
  Image first_;
  Image second_;
};

}  // namespace convmae
