#pragma once

#include "convmae/data/image.h"

#include <array>
#include <cstdint>

namespace convmae {

/// The operations of RandAugment (arXiv 1909.13719) as timm's increasing variant lists them. On
/// 8-bit RGB they give Pillow's pixels to the bit.
enum class AugmentOp {
  auto_contrast,
  equalize,
  invert,
  rotate,        ///< degrees, anticlockwise, about the centre
  posterize,     ///< number of top bits to keep, 0..8
  solarize,      ///< values from this on are inverted
  solarize_add,  ///< added to values below 128
  colour,        ///< 0: grey, 1: unchanged, above: more saturated
  contrast,      ///< 0: the mean grey, 1: unchanged
  brightness,    ///< 0: black, 1: unchanged
  sharpness,     ///< 0: smoothed, 1: unchanged
  shear_x,       ///< columns a row
  shear_y,       ///< rows a column
  translate_x,   ///< share of the width
  translate_y,   ///< share of the height
};
constexpr int kNumAugmentOps = 15;

using Rgb = std::array<std::uint8_t, 3>;

/// Applies one operation in place. `argument` means what is noted at the operation (ignored where
/// nothing is); pixels that come from outside the image get the colour `fill`. `scratch` is a
/// buffer. `image` is uint8 with 3 channels.
void augment(AugmentOp op, double argument, Rgb fill, Image& image, Image& scratch);

/// Left becomes right.
void mirror(Image& image);

namespace augment_detail {

using Table = std::array<std::uint8_t, 256>;

/// Colour operations, pixel by pixel.
void auto_contrast(Image& image);
void equalize(Image& image);
void apply_table(const Table& table, Image& image);
void change_colour(float factor, Image& image);
void change_contrast(float factor, Image& image);
void change_brightness(float factor, Image& image);
void change_sharpness(float factor, Image& image, Image& scratch);

/// Source of the pixel (x, y): (a x' + b y' + c, d x' + e y' + f) with x' = x + 0.5, y' = y + 0.5;
/// bicubic with a = -1, edge pixels repeated.
using AffineMap = std::array<double, 6>;
void warp(const AffineMap& map, Rgb fill, Image& image, Image& scratch);
AffineMap rotation(double degrees, Size size);

}  // namespace augment_detail
}  // namespace convmae
