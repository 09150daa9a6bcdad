#include "convmae/coco/outlines.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace convmae::coco {
namespace {

/// The pixels of a mask in the box around it, with a border of one pixel that is not in it.
class MaskPart {
 public:
  explicit MaskPart(const Rle& mask) {
    const XywhBox box = rle_box(mask);
    left_ = static_cast<std::int64_t>(box[0]);
    top_ = static_cast<std::int64_t>(box[1]);
    width_ = static_cast<std::int64_t>(box[2]);
    height_ = static_cast<std::int64_t>(box[3]);
    pixels_.resize(static_cast<std::size_t>((width_ + 2) * (height_ + 2)));
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < mask.runs.size(); begin += mask.runs[i++]) {
      if (i % 2 == 0) continue;
      for (std::int64_t pixel = begin; pixel < begin + mask.runs[i]; ++pixel) {
        at(pixel / mask.size.height - left_, pixel % mask.size.height - top_) = kIn;
      }
    }
  }

  std::int64_t left() const { return left_; }
  std::int64_t top() const { return top_; }
  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }

  bool is_in(std::int64_t x, std::int64_t y) const { return (pixels_[index(x, y)] & kIn) != 0; }
  /// Whether the border runs along the upper edge of a pixel.
  bool has_upper_edge(std::int64_t x, std::int64_t y) const {
    return is_in(x, y) && !is_in(x, y - 1);
  }
  bool is_passed(std::int64_t x, std::int64_t y) const {
    return (pixels_[index(x, y)] & kPassed) != 0;
  }
  /// Notes that an outline has its upper edge.
  void pass(std::int64_t x, std::int64_t y) { at(x, y) |= kPassed; }

 private:
  static constexpr std::uint8_t kIn = 1;
  static constexpr std::uint8_t kPassed = 2;

  std::size_t index(std::int64_t x, std::int64_t y) const {
    return static_cast<std::size_t>((x + 1) * (height_ + 2) + y + 1);
  }
  std::uint8_t& at(std::int64_t x, std::int64_t y) { return pixels_[index(x, y)]; }

  std::int64_t left_ = 0;
  std::int64_t top_ = 0;
  std::int64_t width_ = 0;
  std::int64_t height_ = 0;
  std::vector<std::uint8_t> pixels_;
};

/// A way along an edge, with the mask on its right: from a corner of pixels, in a direction.
struct Way {
  enum Direction { right, down, left, up };

  std::int64_t x = 0;
  std::int64_t y = 0;
  int direction = right;

  bool operator==(const Way&) const = default;

  void go() {
    constexpr std::array<int, 4> kX{1, 0, -1, 0};
    constexpr std::array<int, 4> kY{0, 1, 0, -1};
    x += kX[static_cast<std::size_t>(direction)];
    y += kY[static_cast<std::size_t>(direction)];
  }
  void turn(int by) { direction = (direction + by + 4) % 4; }

  /// Of the pixels ahead, the one on the right hand or the one on the left.
  bool is_in(const MaskPart& part, bool on_right) const {
    const bool behind_x =
        on_right ? direction == down || direction == left : direction == left || direction == up;
    const bool behind_y =
        on_right ? direction == left || direction == up : direction == up || direction == right;
    return part.is_in(x - (behind_x ? 1 : 0), y - (behind_y ? 1 : 0));
  }
};

/// Follows the border from the upper edge of a pixel, at whose left end it turns.
Outline follow(MaskPart& part, std::int64_t x, std::int64_t y) {
  Outline outline;
  const Way start{x, y, Way::right};
  Way way = start;
  double twice_area = 0;
  do {
    const Way corner = way;
    outline.points.push_back(static_cast<double>(part.left() + way.x));
    outline.points.push_back(static_cast<double>(part.top() + way.y));
    do {
      if (way.direction == Way::right) part.pass(way.x, way.y);
      way.go();
      // Where two pixels touch at a corner, the way stays at its own.
      if (!way.is_in(part, true)) {
        way.turn(1);
      } else if (way.is_in(part, false)) {
        way.turn(-1);
      }
    } while (way.direction == corner.direction);
    twice_area += static_cast<double>(corner.x * way.y - way.x * corner.y);
  } while (!(way == start));
  outline.is_hole = twice_area < 0;
  return outline;
}

}  // namespace

std::vector<Outline> outlines_of(const Rle& mask) {
  MaskPart part(mask);
  std::vector<Outline> outlines;
  for (std::int64_t x = 0; x < part.width(); ++x) {
    for (std::int64_t y = 0; y < part.height(); ++y) {
      if (part.has_upper_edge(x, y) && !part.is_passed(x, y)) {
        outlines.push_back(follow(part, x, y));
      }
    }
  }
  return outlines;
}

}  // namespace convmae::coco
