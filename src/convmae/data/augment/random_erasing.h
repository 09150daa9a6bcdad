#pragma once

#include "convmae/data/draw_key.h"
#include "convmae/data/image.h"

#include <cstdint>
#include <optional>

namespace convmae {

/// Random erasing (arXiv 1708.04896) as in the published fine-tuning recipe: a rectangle of the
/// normalised image is replaced by noise, a draw of its own for each value.
struct RandomErasing {
  double probability = 0.25;
  double min_area = 0.02;  ///< share of the image
  double max_area = 1.0 / 3.0;
  double min_ratio = 0.3;  ///< height / width, log-uniform
  double max_ratio = 1.0 / 0.3;
};

/// The rectangle for one sample: it lies within the image and does not reach over a whole side.
/// Nothing if the draw says so or if ten attempts did not fit.
std::optional<Box> random_erasing_box(const RandomErasing& policy, Size size, const DrawKey& key);

/// Fills the rectangle, if there is one, with standard normal noise. `planes` is
/// `[channels, size.height, size.width]`.
void random_erase(const RandomErasing& policy, const DrawKey& key, std::int64_t channels, Size size,
                  float* planes);

}  // namespace convmae
