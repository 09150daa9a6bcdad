#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// What the losses of pixels are averaged over.
enum class LossAverage {
  all,    ///< all pixels, ignored ones too, which add nothing: as published
  valid,  ///< those that are not ignored, by their weights
};

/// Throws UserError, naming the choices, for another name.
LossAverage parse_loss_average(const std::string& name);

struct PixelLossOptions {
  LossAverage average = LossAverage::all;
  /// [K] float: what the loss of each class's pixels is multiplied with; none for 1.
  std::optional<at::Tensor> class_weights{};
  /// The label of pixels that count for nothing.
  std::int64_t ignored = 255;
};

/// The cross entropy of each pixel with its label, averaged. Logits [B, K, h, w] of any floating
/// type, which are resized bilinearly to the size of the labels [B, H, W], of any integer type ->
/// [] in float32, or in float64 from float64. Nothing of the size of the resized logits is kept:
/// they come strip by strip, and their gradient with them. 0 with a gradient of 0 where all pixels
/// are ignored. Labels are 0 .. K-1 or the ignored one; others are a c10::Error where labels lie in
/// the CPU's memory. Its second derivative is not implemented (c10::Error).
at::Tensor pixel_loss(const at::Tensor& logits, const at::Tensor& labels,
                      const PixelLossOptions& options = {});

}  // namespace convmae
