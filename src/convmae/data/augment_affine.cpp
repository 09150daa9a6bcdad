#include "convmae/data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numbers>
#include <utility>

namespace convmae::augment_detail {
namespace {

double cubic(double v1, double v2, double v3, double v4, double t) {
  const double p1 = v2;
  const double p2 = -v1 + v3;
  const double p3 = 2 * (v1 - v2) + v3 - v4;
  const double p4 = -v1 + v2 - v3 + v4;
  return p1 + t * (p2 + t * (p3 + t * p4));
}

/// Rounded to 15 decimals, as Pillow rounds the entries of a rotation.
double rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.15f", value);
  return std::strtod(text.data(), nullptr);
}

/// The pixel of `image` at (x, y), pixel centres at .5, inside the image.
Rgb sample(const Image& image, double x, double y) {
  x -= 0.5;
  y -= 0.5;
  const auto left = static_cast<std::int64_t>(std::floor(x));
  const auto top = static_cast<std::int64_t>(std::floor(y));
  const double dx = x - static_cast<double>(left);
  const double dy = y - static_cast<double>(top);
  std::array<std::int64_t, 4> columns;
  std::array<const std::uint8_t*, 4> rows;
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto tap = static_cast<std::size_t>(i);
    columns[tap] = 3 * std::clamp<std::int64_t>(left - 1 + i, 0, image.width() - 1);
    rows[tap] =
        image.row<std::uint8_t>(std::clamp<std::int64_t>(top - 1 + i, 0, image.height() - 1));
  }
  Rgb pixel;
  for (std::int64_t c = 0; c < 3; ++c) {
    std::array<double, 4> along;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t* row = rows[i] + c;
      along[i] = cubic(row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]], dx);
    }
    const double value = cubic(along[0], along[1], along[2], along[3], dy);
    pixel[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
  }
  return pixel;
}

}  // namespace

void warp(const AffineMap& map, Rgb fill, Image& image, Image& scratch) {
  const auto [a, b, c, d, e, f] = map;
  const auto width = static_cast<double>(image.width());
  const auto height = static_cast<double>(image.height());
  scratch.resize(image.size(), 3);
  for (std::int64_t y = 0; y < image.height(); ++y) {
    std::uint8_t* out = scratch.row<std::uint8_t>(y);
    const double v = static_cast<double>(y) + 0.5;
    for (std::int64_t x = 0; x < image.width(); ++x) {
      const double u = static_cast<double>(x) + 0.5;
      const double from_x = a * u + b * v + c;
      const double from_y = d * u + e * v + f;
      const bool inside = from_x >= 0 && from_x < width && from_y >= 0 && from_y < height;
      const Rgb pixel = inside ? sample(image, from_x, from_y) : fill;
      out = std::copy(pixel.begin(), pixel.end(), out);
    }
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
