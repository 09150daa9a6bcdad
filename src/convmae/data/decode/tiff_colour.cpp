#include "convmae/data/decode/tiff_colour.h"

#include "convmae/data/decode/decoders.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

namespace convmae::decoders {
namespace {

/// Calls `change(pixel, samples)` for every pixel, with a pointer to its numbers.
template <typename T, typename Change>
void each_pixel(Image& image, const Change& change) {
  T* pixel = image.row<T>(0);
  for (std::int64_t i = image.height() * image.width(); i > 0; --i, pixel += image.channels()) {
    change(pixel);
  }
}

template <typename T>
void divide_by_alpha(const TiffColour& colour, Image& image) {
  each_pixel<T>(image, [&](T* pixel) {
    const T alpha = pixel[*colour.associated_alpha];
    for (std::int64_t c = 0; c < colour.colours; ++c) {
      if constexpr (std::is_floating_point_v<T>) {
        pixel[c] = alpha > 0 ? pixel[c] / alpha : 0;
      } else {
        constexpr std::uint64_t kFull = std::numeric_limits<T>::max();
        pixel[c] = alpha == 0 ? T{0} : static_cast<T>(std::min(pixel[c] * kFull / alpha, kFull));
      }
    }
  });
}

template <typename T>
void invert(const TiffColour& colour, Image& image) {
  each_pixel<T>(image, [&](T* pixel) {
    for (std::int64_t c = 0; c < colour.colours; ++c) {
      pixel[c] = static_cast<T>(std::numeric_limits<T>::max() - pixel[c]);
    }
  });
}

template <typename T>
void rgb_from_cmyk(Image& image) {
  constexpr T kFull = std::numeric_limits<T>::max();
  each_pixel<T>(image, [](T* pixel) {
    const T light = static_cast<T>(kFull - pixel[3]);
    for (std::int64_t c = 0; c < 3; ++c) pixel[c] = light_through_ink(pixel[c], light);
  });
}

/// 8-bit L*a*b* of the white point D50, as ICC profiles have it -> sRGB.
void rgb_from_lab(const TiffColour& colour, Image& image) {
  // Bruce Lindbloom, "RGB/XYZ Matrices": XYZ under D50, adapted after Bradford -> linear sRGB.
  constexpr std::array<std::array<double, 3>, 3> kFromXyz{{{3.1338561, -1.6168667, -0.4906146},
                                                           {-0.9787684, 1.9161415, 0.0334540},
                                                           {0.0719453, -0.2289914, 1.4052427}}};
  constexpr std::array<double, 3> kWhite{0.9642, 1.0, 0.8249};
  constexpr double kKnee = 6.0 / 29;
  const auto cubed = [](double t) {
    return t > kKnee ? t * t * t : 3 * kKnee * kKnee * (t - 4.0 / 29);
  };
  const auto encoded = [](double linear) {
    const double value =
        linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
    return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
  };
  // a* and b* are signed in the one and lie around 128 in the other.
  const bool is_signed = colour.space == TiffColour::Space::cie_lab;
  const auto chroma = [is_signed](std::uint8_t stored) {
    return is_signed ? int{static_cast<std::int8_t>(stored)} : stored - 128;
  };
  each_pixel<std::uint8_t>(image, [&](std::uint8_t* pixel) {
    const double y = (pixel[0] * 100.0 / 255 + 16) / 116;
    const std::array<double, 3> xyz{kWhite[0] * cubed(y + chroma(pixel[1]) / 500.0),
                                    kWhite[1] * cubed(y),
                                    kWhite[2] * cubed(y - chroma(pixel[2]) / 200.0)};
    for (std::size_t c = 0; c < 3; ++c) {
      const auto& row = kFromXyz[c];
      pixel[c] = encoded(row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2]);
    }
  });
}

}  // namespace

std::int64_t visible_channels(const TiffColour& colour) {
  return colour.space == TiffColour::Space::grey ? colour.colours : 3;
}

void make_zero_black(const TiffColour& colour, Image& image) {
  if (!colour.zero_is_white) return;
  if (image.type() == PixelType::uint8) invert<std::uint8_t>(colour, image);
  if (image.type() == PixelType::uint16) invert<std::uint16_t>(colour, image);
}

void to_visible(const TiffColour& colour, Image& image) {
  const PixelType type = image.type();
  make_zero_black(colour, image);
  if (colour.associated_alpha) {
    if (type == PixelType::uint8) divide_by_alpha<std::uint8_t>(colour, image);
    if (type == PixelType::uint16) divide_by_alpha<std::uint16_t>(colour, image);
    if (type == PixelType::float32) divide_by_alpha<float>(colour, image);
  }
  switch (colour.space) {
    case TiffColour::Space::grey:
    case TiffColour::Space::rgb:
      break;
    case TiffColour::Space::cmyk:
      if (type == PixelType::uint8) rgb_from_cmyk<std::uint8_t>(image);
      if (type == PixelType::uint16) rgb_from_cmyk<std::uint16_t>(image);
      break;
    case TiffColour::Space::cie_lab:
    case TiffColour::Space::icc_lab:
      rgb_from_lab(colour, image);
      break;
  }
  keep_first(image, visible_channels(colour));
}

}  // namespace convmae::decoders
