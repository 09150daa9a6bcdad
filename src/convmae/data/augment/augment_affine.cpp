#include "convmae/data/augment/augment.h"
#include "convmae/data/augment/warp_kernels.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numbers>
#include <utility>

namespace convmae::augment_detail {
namespace {

/// Rounded to 15 decimals, as Pillow rounds the entries of a rotation.
double rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.15f", value);
  return std::strtod(text.data(), nullptr);
}

}  // namespace

void warp(const AffineMap& map, Rgb fill, Image& image, Image& scratch) {
  scratch.resize(image.size(), 3);
  const WarpSource source{image.row<std::uint8_t>(0), image.height(), image.width(), map.data(),
                          fill.data()};
  for (std::int64_t y = 0; y < image.height(); ++y) {
    warp_kernels().row(source, y, 0, image.width(), scratch.row<std::uint8_t>(y));
  }
  std::swap(image, scratch);
}

AffineMap rotation(double degrees, Size size) {
  double turned = std::fmod(degrees, 360.0);
  if (turned < 0) turned += 360.0;
  const double angle = -(turned * (std::numbers::pi / 180.0));
  const double x = static_cast<double>(size.width) / 2.0;
  const double y = static_cast<double>(size.height) / 2.0;
  const double a = rounded(std::cos(angle));
  const double b = rounded(std::sin(angle));
  const double d = rounded(-std::sin(angle));
  return {a, b, (a * -x + b * -y) + x, d, a, (d * -x + a * -y) + y};
}

}  // namespace convmae::augment_detail
