#include "convmae/data/augment/warp_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace convmae {
namespace {

double cubic(double v1, double v2, double v3, double v4, double t) {
  const double p1 = v2;
  const double p2 = -v1 + v3;
  const double p3 = 2 * (v1 - v2) + v3 - v4;
  const double p4 = -v1 + v2 - v3 + v4;
  return p1 + t * (p2 + t * (p3 + t * p4));
}

/// The pixel at (x, y), inside the image.
void sample(const WarpSource& source, double x, double y, std::uint8_t* out) {
  x -= 0.5;
  y -= 0.5;
  const auto left = static_cast<std::int64_t>(std::floor(x));
  const auto top = static_cast<std::int64_t>(std::floor(y));
  const double dx = x - static_cast<double>(left);
  const double dy = y - static_cast<double>(top);
  std::array<std::int64_t, 4> columns{};
  std::array<const std::uint8_t*, 4> rows{};
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto tap = static_cast<std::size_t>(i);
    columns[tap] = 3 * std::clamp<std::int64_t>(left - 1 + i, 0, source.width - 1);
    const std::int64_t row = std::clamp<std::int64_t>(top - 1 + i, 0, source.height - 1);
    rows[tap] = source.pixels + row * source.width * 3;
  }
  for (std::int64_t c = 0; c < 3; ++c) {
    std::array<double, 4> along{};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t* row = rows[i] + c;
      along[i] = cubic(row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]], dx);
    }
    const double value = cubic(along[0], along[1], along[2], along[3], dy);
    out[c] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
  }
}

void row(const WarpSource& source, std::int64_t y, std::int64_t begin, std::int64_t end,
         std::uint8_t* out) {
  const double* const map = source.map;
  const double v = static_cast<double>(y) + 0.5;
  for (std::int64_t x = begin; x < end; ++x, out += 3) {
    const double u = static_cast<double>(x) + 0.5;
    const double from_x = map[0] * u + map[1] * v + map[2];
    const double from_y = map[3] * u + map[4] * v + map[5];
    const bool inside = from_x >= 0 && from_x < static_cast<double>(source.width) && from_y >= 0 &&
                        from_y < static_cast<double>(source.height);
    if (inside) {
      sample(source, from_x, from_y, out);
    } else {
      std::copy_n(source.fill, 3, out);
    }
  }
}

}  // namespace

const WarpKernels kWarpGeneric{row};

const WarpKernels& warp_kernels() {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return kWarpAvx2;
#endif
  return kWarpGeneric;
}

}  // namespace convmae
