#pragma once

#include "convmae/train/batches.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>

namespace convmae {

/// The rows of tables that have one for each image of a source, while the images are read by one
/// process or shared out to several.
class ImageRows {
 public:
  explicit ImageRows(std::int64_t images);

  /// Those of a batch's images, [B] int64, which have been read with it.
  at::Tensor of(const Batch& batch);
  /// When all images are read: gives every process the rows of all in `tables`, where those of
  /// images that it has not read itself are zeros. Returns the rows of images that any of them has
  /// read, ascending, [n] int64.
  at::Tensor share(const ImageReading& reading,
                   std::initializer_list<at::Tensor> tables = {}) const;

 private:
  at::Tensor read_;  ///< [N] int32: whether this process has read the image
};

}  // namespace convmae
