#pragma once

#include "convmae/data/image.h"

#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

/// A batch in memory, `[count, channels, size.height, size.width]`.
struct BatchView {
  float* pixels = nullptr;
  std::int64_t count = 0;
  std::int64_t channels = 0;
  Size size;
};

/// The partner of sample i in batch mode: the batch in reverse order.
inline std::int64_t mixing_partner(std::int64_t i, std::int64_t count) { return count - 1 - i; }

/// mixup (arXiv 1710.09412) of a whole batch with one share: `lambda * x + (1 - lambda) * partner`.
void mixup(const BatchView& batch, double lambda);

/// The part that CutMix (arXiv 1905.04899) takes from the partner: `sqrt(1 - lambda)` of each side,
/// cut off to whole pixels, about (centre_y, centre_x), clipped to the image. It may be empty.
Box cutmix_box(Size image, double lambda, std::int64_t centre_y, std::int64_t centre_x);

/// The share of the image that is left outside `box`: the lambda that the targets are mixed with.
double cutmix_lambda(Size image, const Box& box);

/// CutMix of a whole batch with one box.
void cutmix(const BatchView& batch, const Box& box);

/// Targets of a mixed batch, `[labels.size(), num_classes]`: smoothed one-hot rows (the label gets
/// `1 - smoothing + smoothing / num_classes`, the others `smoothing / num_classes`), weighted with
/// `lambda` and the partner's with `1 - lambda`. Labels lie in 0 .. num_classes-1.
std::vector<float> mixed_targets(std::span<const std::int64_t> labels, std::int64_t num_classes,
                                 double lambda, double smoothing);

}  // namespace convmae
