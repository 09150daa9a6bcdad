#pragma once

#include "convmae/base/geometry.h"
#include "convmae/segment/segmentor.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <vector>

namespace convmae {

/// How an image of any size is looked at.
struct Viewing {
  /// What the model sees at once, in pixels; without a side, the whole image.
  Size crop{512, 512};
  /// From one window to the next, at most the crop.
  Size stride{341, 341};
  /// Whether the mirrored image is looked at too: then probabilities are averaged.
  bool mirror = false;
};

/// Throws UserError unless the segmentor can look at images so.
void validate(const Viewing& viewing, const SegmentorConfig& config);

/// Where windows of `crop` begin along a side of `size`, at least `crop`: at multiples of the
/// stride, and the last one where the side ends (mmsegmentation's `slide_inference`).
std::vector<std::int64_t> window_starts(std::int64_t size, std::int64_t crop, std::int64_t stride);

/// The logits of one image, computed window by window as they are asked for: where windows overlap,
/// their mean. What is kept of a window are its logits as the head gives them, until no row in it
/// can be asked for any more.
class WindowedLogits {
 public:
  /// image [C, H, W], normalised. Where the image is smaller than a window, or the strides do not
  /// divide a whole one, zeros stand to the right and below, which no logit is given for.
  WindowedLogits(Segmentor& segmentor, const at::Tensor& image, const Viewing& viewing);

  /// Of the rows from `first` on -> [K, rows, W] float32. `first` must not decrease from one call
  /// to the next.
  at::Tensor rows(std::int64_t first, std::int64_t rows);

  /// Of the image.
  Size size() const { return size_; }
  std::int64_t num_windows() const { return std::ssize(tops_) * std::ssize(lefts_); }

 private:
  /// The windows beside each other that begin in the same row.
  struct Band {
    std::int64_t top = 0;
    std::vector<at::Tensor> logits;  ///< [K, h, w] of each
  };

  Band computed_band(std::int64_t top);
  /// Adds what a band says of some rows to [K, rows, padded width].
  void add_band(const Band& band, std::int64_t first, const at::Tensor& sum) const;
  /// How many windows see each place from `first` on, one side's part of the number.
  static at::Tensor counts(const std::vector<std::int64_t>& starts, std::int64_t crop,
                           std::int64_t first, std::int64_t places);

  Segmentor& segmentor_;
  at::Tensor image_;  ///< padded
  Size size_;
  Size crop_;
  std::vector<std::int64_t> tops_;
  std::vector<std::int64_t> lefts_;
  std::int64_t asked_from_ = 0;  ///< rows above it are asked for no more
  std::size_t next_band_ = 0;
  std::deque<Band> bands_;  ///< those that rows can still be asked of
};

/// The rows from `first` on of the logits resized to `size` -> [K, rows, size.width] float32.
at::Tensor rows_at(Size size, WindowedLogits& logits, std::int64_t first, std::int64_t rows);

/// The class of every pixel of an image at its original size: image [C, H, W], normalised and of
/// the size that the model is to see -> [original.height, original.width], uint8, or int16 above
/// 256 classes. Of classes that are equally likely, the first. Logits are averaged over windows,
/// resized and compared strip by strip, so that those of the whole image are never held at once.
/// The model must be in evaluation mode.
at::Tensor slide(Segmentor& segmentor, const at::Tensor& image, Size original,
                 const Viewing& viewing);

}  // namespace convmae
