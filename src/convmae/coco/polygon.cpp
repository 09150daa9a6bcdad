#include "convmae/coco/polygon.h"

#include "convmae/base/error.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace convmae::coco {
namespace {

/// Points of the grid with five steps a pixel on which polygons are drawn.
constexpr int kSteps = 5;
/// The step of every pixel behind which an edge enters it: the one at its centre.
constexpr int kCentre = 2;

struct Point {
  int x;
  int y;
};

/// Cut off towards zero after the half is added, as pycocotools rounds; lround differs below zero.
int rounded(double value) {
  const double shifted = value + 0.5;
  return static_cast<int>(shifted);
}

int to_step(double coordinate) {
  if (!is_near(coordinate)) {
    throw UserError("expected polygons with coordinates of at most 10000000 pixels, found " +
                    std::to_string(coordinate));
  }
  return rounded(kSteps * coordinate);
}

/// Where the columns begin or end to be inside: at row `y` of column `x` and all below.
class Toggles {
 public:
  explicit Toggles(Size size) : height_(size.height), width_(size.width) {}

  /// `v`: the upper one of the two steps between which an edge crosses the centre of column `x`.
  void add(std::int64_t x, std::int64_t v) {
    const std::int64_t y = std::clamp<std::int64_t>(v < 0 ? 0 : (v + kCentre) / kSteps, 0, height_);
    // Otherwise a small file could ask for all memory, by many edges across a wide image.
    constexpr std::size_t kMost = std::size_t{1} << 24U;
    if (cells_.size() == kMost) {
      throw UserError("expected polygons whose edges cross at most 16777216 columns of pixels");
    }
    cells_.push_back(static_cast<std::uint32_t>(x * height_ + y));
  }

  /// Columns whose centre lies between the steps `low` and `high`: the first, and one behind the
  /// last.
  std::pair<std::int64_t, std::int64_t> columns(int low, int high) const {
    const std::int64_t begin =
        low <= kCentre ? 0 : (std::int64_t{low} - kCentre + kSteps - 1) / kSteps;
    const std::int64_t end = high <= kCentre ? 0 : (std::int64_t{high} - kCentre - 1) / kSteps + 1;
    return {begin, std::min(end, width_)};
  }

  /// The run lengths; a toggle that stands twice cancels out.
  std::vector<std::uint32_t> runs() {
    std::sort(cells_.begin(), cells_.end());
    cells_.push_back(static_cast<std::uint32_t>(height_ * width_));
    std::vector<std::uint32_t> runs;
    runs.reserve(cells_.size());
    runs.push_back(cells_[0]);
    for (std::size_t i = 1; i < cells_.size(); ++i) {
      if (cells_[i] != cells_[i - 1]) {
        runs.push_back(cells_[i] - cells_[i - 1]);
      } else if (++i < cells_.size()) {
        runs.back() += cells_[i] - cells_[i - 1];
      }
    }
    return runs;
  }

 private:
  std::int64_t height_;
  std::int64_t width_;
  std::vector<std::uint32_t> cells_;
};

/// An edge that is at least as wide as high: its steps along x are numbered.
void add_flat_edge(Point a, Point b, Toggles& toggles) {
  if (a.x > b.x) std::swap(a, b);
  const double slope = static_cast<double>(b.y - a.y) / (b.x - a.x);
  const auto row = [&](int t) { return rounded(a.y + slope * t); };
  const auto [begin, end] = toggles.columns(a.x, b.x);
  for (std::int64_t x = begin; x < end; ++x) {
    const int t = static_cast<int>(x * kSteps + kCentre - a.x);
    toggles.add(x, std::min(row(t), row(t + 1)));
  }
}

/// An edge that is higher than wide: its steps along y are numbered, and the one is looked for
/// behind which x, rounded, passes the centre of a column.
void add_steep_edge(Point a, Point b, Toggles& toggles) {
  if (a.y > b.y) std::swap(a, b);
  const int steps = b.y - a.y;
  const double slope = static_cast<double>(b.x - a.x) / steps;
  const bool rising = slope > 0;
  const auto [begin, end] = toggles.columns(std::min(a.x, b.x), std::max(a.x, b.x));
  for (std::int64_t x = begin; x < end; ++x) {
    const auto border = static_cast<double>(x * kSteps + kCentre + 1);
    const auto passed = [&](int t) { return (a.x + slope * t + 0.5 >= border) == rising; };
    // The division is right up to rounding; the step where the sum itself changes counts.
    int t = std::clamp(static_cast<int>((border - 0.5 - a.x) / slope), 0, steps);
    while (t > 0 && passed(t)) --t;
    while (t < steps && !passed(t + 1)) ++t;
    toggles.add(x, std::int64_t{a.y} + t);
  }
}

}  // namespace

Rle rle_from_polygon(Size size, std::span<const double> coordinates) {
  mask_pixels(size);
  const std::size_t count = coordinates.size() / 2;
  if (count == 0) throw UserError("expected a polygon of at least one point, found none");
  Toggles toggles(size);
  const auto point = [&](std::size_t i) {
    return Point{to_step(coordinates[2 * i]), to_step(coordinates[2 * i + 1])};
  };
  const Point first = point(0);
  Point a = first;
  for (std::size_t i = 1; i <= count; ++i) {
    const Point b = i < count ? point(i) : first;
    if (a.x != b.x) {
      const bool flat = std::abs(a.x - b.x) >= std::abs(a.y - b.y);
      (flat ? add_flat_edge : add_steep_edge)(a, b, toggles);
    }
    a = b;
  }
  return {size, toggles.runs()};
}

Rle rle_from_box(Size size, const XywhBox& box) {
  const auto [x, y, width, height] = box;
  const std::array<double, 8> corners{x, y, x, y + height, x + width, y + height, x + width, y};
  return rle_from_polygon(size, corners);
}

}  // namespace convmae::coco
