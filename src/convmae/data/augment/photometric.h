#pragma once

#include "convmae/data/augment/augment.h"
#include "convmae/data/objects/geometry_plan.h"

#include <cstdint>

namespace convmae {

// mmsegmentation's photometric distortion, on uint8 with 3 channels, in place. After each operation
// values are cut off to whole numbers. HSV is OpenCV's of 8 bits: hue 0..179.

/// value * factor + offset.
void scale_levels(float factor, float offset, Image& image);
/// The saturation times `factor`.
void scale_saturation(float factor, Image& image);
/// The hue `steps` further, which are two degrees each.
void turn_hue(int steps, Image& image);

/// Brightness, contrast, saturation and hue, each for half of the draws, the contrast before or
/// after saturation and hue. Draws coins with `choose`, amounts with `uniform`, the hue's with
/// `choose` of 36.
void distort(Image& image, const GeometryDraws& draws);

/// Hue, saturation and value of a colour, to the bit.
std::array<std::uint8_t, 3> hsv_of(const Rgb& colour);
/// The reverse, up to one level of 255.
Rgb rgb_of_hsv(const std::array<std::uint8_t, 3>& hsv);

}  // namespace convmae
