#include "convmae/data/objects/object_mover.h"

#include "convmae/data/objects/pixel_map.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace convmae {
namespace {

constexpr float kSmallestSide = 1e-5F;

struct Point {
  double x = 0;
  double y = 0;
};

/// Moves a point; what crops leave out is not looked at.
Point moved_point(Point point, const Move& move) {
  if (const auto* const resized = std::get_if<Resized>(&move)) {
    point.x *= static_cast<double>(resized->to.width) / static_cast<double>(resized->from.width);
    point.y *= static_cast<double>(resized->to.height) / static_cast<double>(resized->from.height);
  } else if (const auto* const cropped = std::get_if<Cropped>(&move)) {
    point.x -= static_cast<double>(cropped->window.left);
    point.y -= static_cast<double>(cropped->window.top);
  } else if (const auto* const mirrored = std::get_if<Mirrored>(&move)) {
    point.x = static_cast<double>(mirrored->width) - point.x;
  }
  return point;
}

/// The box after the plan, cut off at the borders of the image.
Corners moved_box(const coco::XywhBox& box, const GeometryPlan& plan) {
  Point a{box[0], box[1]};
  Point b{box[0] + box[2], box[1] + box[3]};
  for (const Move& move : plan.moves) {
    a = moved_point(a, move);
    b = moved_point(b, move);
  }
  const auto within = [](double value, std::int64_t length) {
    return static_cast<float>(std::clamp(value, 0.0, static_cast<double>(length)));
  };
  const auto [width, height] = std::pair(plan.output.width, plan.output.height);
  return {within(std::min(a.x, b.x), width), within(std::min(a.y, b.y), height),
          within(std::max(a.x, b.x), width), within(std::max(a.y, b.y), height)};
}

/// The box around all points; one with negative sides if there are none.
Corners extremes(const std::vector<Polygon>& polygons) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  Corners box{kFar, kFar, 0, 0};
  for (const Polygon& polygon : polygons) {
    for (std::size_t i = 0; i < polygon.size(); ++i) {
      const auto value = static_cast<float>(polygon[i]);
      box[i % 2] = std::min(box[i % 2], value);
      box[i % 2 + 2] = std::max(box[i % 2 + 2], value);
    }
  }
  return box;
}

Corners corners_of(const Box& part) {
  return {static_cast<float>(part.left), static_cast<float>(part.top),
          static_cast<float>(part.left + part.width), static_cast<float>(part.top + part.height)};
}

bool has_sides(const Corners& box) {
  return box[2] - box[0] > kSmallestSide && box[3] - box[1] > kSmallestSide;
}

}  // namespace

void ObjectMover::move_polygons(std::vector<Polygon>& polygons, const GeometryPlan& plan) const {
  for (const Move& move : plan.moves) {
    if (const auto* const cropped = std::get_if<Cropped>(&move)) {
      polygons = cropper_.crop(polygons, cropped->window);
    }
    for (Polygon& polygon : polygons) {
      for (std::size_t i = 0; i + 1 < polygon.size(); i += 2) {
        const Point point = moved_point({polygon[i], polygon[i + 1]}, move);
        polygon[i] = point.x;
        polygon[i + 1] = point.y;
      }
    }
  }
}

std::vector<MovedObject> ObjectMover::move(std::vector<AnnotatedObject> objects,
                                           const GeometryPlan& plan) const {
  std::optional<PixelMap> map;  // of use where there are run lengths
  std::vector<MovedObject> all;
  all.reserve(objects.size());
  for (AnnotatedObject& object : objects) {
    MovedObject& moved = all.emplace_back();
    moved.category = object.category;
    moved.moved = moved.box = moved_box(object.box, plan);
    if (auto* const polygons = std::get_if<std::vector<Polygon>>(&object.mask)) {
      move_polygons(*polygons, plan);
      moved.box = extremes(*polygons);
      moved.mask = std::move(*polygons);
    } else if (const auto* const runs = std::get_if<coco::Rle>(&object.mask)) {
      if (!map) map.emplace(plan);
      PixelMask pixels = map->move(*runs);
      moved.box = corners_of(pixels.part);
      moved.mask = std::move(pixels);
    }
    moved.is_kept = has_sides(moved.box);  // which an empty mask has not
  }
  return all;
}

Objects kept_objects(std::vector<MovedObject> moved) {
  Objects objects;
  for (MovedObject& object : moved) {
    if (!object.is_kept) continue;
    const auto [left, top, right, bottom] = object.box;
    // In double precision the sums of these are the corners again, to the bit.
    objects.boxes.push_back(
        {left, top, static_cast<double>(right) - left, static_cast<double>(bottom) - top});
    objects.classes.push_back(object.category);
    objects.masks.push_back(std::move(object.mask));
  }
  return objects;
}

}  // namespace convmae
