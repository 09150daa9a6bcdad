#pragma once

#include "convmae/data/augment/augment.h"
#include "convmae/data/objects/geometry_plan.h"

#include <array>
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

/// How a level of a colour becomes a whole number.
enum class ToLevel { cut_off, round };

/// The reverse, as OpenCV compiled for AVX2 has it, but for a level of 255 here and there. It cuts
/// off most pixels, and rounds the last `width % 32` of a row.
Rgb rgb_of_hsv(const std::array<std::uint8_t, 3>& hsv, ToLevel to_level = ToLevel::cut_off);

}  // namespace convmae
