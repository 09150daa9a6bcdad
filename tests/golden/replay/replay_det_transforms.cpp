#include "convmae/base/error.h"
#include "convmae/data/objects/image_mover.h"
#include "convmae/data/objects/object_mover.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include "golden/replay/image_tensors.h"
#include "golden/replay/replays.h"
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace convmae::golden {
namespace {

/// The draws of a case, one after the other; whatever is asked for must be what was drawn.
class RecordedDraws {
 public:
  explicit RecordedDraws(const Json& records) : records_(records) {}

  GeometryDraws draws() {
    return {[this](double low, double high) { return uniform(low, high); },
            [this](std::size_t count) { return choose(count); }};
  }
  bool used_up() const { return next_ == records_.size(); }

 private:
  double uniform(double low, double high) {
    const Json& record = records_.at(next_++);
    TORCH_CHECK(record.at("fn") == "uniform" && record.at("low") == low &&
                record.at("high") == high);
    return record.at("value").get<double>();
  }
  std::size_t choose(std::size_t count) {
    const Json& record = records_.at(next_++);
    const std::vector<std::int64_t> lengths = lengths_of(record);
    TORCH_CHECK(lengths.size() == count);
    const auto value = record.at("value").get<std::int64_t>();
    const auto found = std::ranges::find(lengths, value);
    TORCH_CHECK(found != lengths.end());
    return static_cast<std::size_t>(found - lengths.begin());
  }

 public:
  /// What a length was drawn from: a list, or one number alone.
  static std::vector<std::int64_t> lengths_of(const Json& record) {
    if (record.at("fn") == "choice") return record.at("of").get<std::vector<std::int64_t>>();
    return {record.at("low").get<std::int64_t>()};
  }

 private:
  const Json& records_;
  std::size_t next_ = 0;
};

GeometryRecipe recipe_of(const Json& golden_case, std::int64_t side) {
  const auto name = golden_case.at("recipe").get<std::string>();
  if (name == "alpha_train") return jitter_padded(side);
  if (name == "official_train") return jitter_unpadded(side);
  if (name == "alpha_test") return test_padded(side);
  if (name == "official_test") return test_unpadded(side, side);
  TORCH_CHECK(name == "common_train", "unknown recipe ", name);
  return {
      ResizeShortestEdge{RecordedDraws::lengths_of(golden_case.at("draws").at(0)), side * 7 / 5},
      RandomMirror{}};
}

std::vector<AnnotatedObject> objects_of(const Json& image) {
  std::vector<AnnotatedObject> objects;
  for (const Json& annotation : image.at("annotations")) {
    if (annotation.at("iscrowd") != 0) continue;
    AnnotatedObject& object = objects.emplace_back();
    object.box = annotation.at("bbox").get<coco::XywhBox>();
    object.category = annotation.at("category_id").get<std::int64_t>();
    const Json& mask = annotation.at("segmentation");
    if (mask.is_array()) {
      object.mask = mask.get<std::vector<Polygon>>();
    } else {
      const auto size = mask.at("size").get<std::array<std::int64_t, 2>>();
      object.mask = coco::rle_from_text({size[0], size[1]}, mask.at("counts").get<std::string>());
    }
  }
  return objects;
}

/// The areas that the polygons of an object have by their signed sums.
double area_of(const ObjectMask& mask) {
  double area = 0;
  for (const Polygon& polygon : std::get<std::vector<Polygon>>(mask)) {
    double twice = 0;
    for (std::size_t i = 0, j = polygon.size() - 2; i < polygon.size(); j = i, i += 2) {
      twice += polygon[j] * polygon[i + 1] - polygon[i] * polygon[j + 1];
    }
    area += std::abs(twice) / 2;
  }
  return area;
}

/// Polygons may begin at any point: areas are compared, where the file has them.
void check_areas(const Json& golden_case, const std::vector<MovedObject>& objects) {
  if (!golden_case.contains("polygon_areas")) return;
  const auto areas = golden_case.at("polygon_areas").get<std::vector<double>>();
  TORCH_CHECK(areas.size() == objects.size());
  for (std::size_t i = 0; i < areas.size(); ++i) {
    const double area = area_of(objects[i].mask);
    TORCH_CHECK(std::abs(area - areas[i]) <= 1e-9 * (1 + areas[i]), "the polygons of object ", i,
                " of ", golden_case.at("name").get<std::string>(), " have the area ", area,
                ", expected ", areas[i]);
  }
}

at::Tensor rows_of(const std::vector<Corners>& boxes) {
  at::Tensor rows = at::empty({std::ssize(boxes), 4}, at::kFloat);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    std::ranges::copy(boxes[i], rows.mutable_data_ptr<float>() + 4 * i);
  }
  return rows;
}

at::Tensor numbers_of(const std::vector<std::int64_t>& numbers) {
  at::Tensor values = at::empty({std::ssize(numbers)}, at::kFloat);
  std::ranges::transform(numbers, values.mutable_data_ptr<float>(),
                         [](std::int64_t number) { return static_cast<float>(number); });
  return values;
}

at::Tensor masks_of(const Objects& objects, Size size) {
  at::Tensor masks = at::empty({std::ssize(objects.masks), size.height, size.width}, at::kByte);
  auto* out = masks.mutable_data_ptr<std::uint8_t>();
  for (const ObjectMask& mask : objects.masks)
    out = std::ranges::copy(draw_mask(mask, size), out).out;
  return masks;
}

void add_case(const GoldenFile& file, const Json& golden_case, Tensors& out) {
  const auto image_index = golden_case.at("image").get<std::size_t>();
  Image image = image_of(file.at("in.image" + std::to_string(image_index)));
  RecordedDraws recorded(golden_case.at("draws"));
  const GeometryPlan plan =
      plan_geometry(recipe_of(golden_case, file.config().at("S").get<std::int64_t>()), image.size(),
                    recorded.draws());
  TORCH_CHECK(recorded.used_up(), "draws were left over");
  std::vector<MovedObject> moved =
      ObjectMover().move(objects_of(file.config().at("images").at(image_index)), plan);
  check_areas(golden_case, moved);

  const std::string prefix = "out." + golden_case.at("name").get<std::string>() + ".";
  ImageMover mover;
  out[prefix + "image"] = pixels_of(mover.move(image, plan));
  std::vector<Corners> before;
  std::vector<Corners> boxes;
  std::vector<std::int64_t> keep;
  for (const MovedObject& object : moved) {
    before.push_back(object.moved);
    keep.push_back(object.is_kept ? 1 : 0);
    if (object.is_kept) boxes.push_back(object.box);
  }
  out[prefix + "boxes_before_recompute"] = rows_of(before);
  out[prefix + "keep"] = numbers_of(keep);
  const Objects kept = kept_objects(std::move(moved));
  out[prefix + "boxes"] = rows_of(boxes);
  out[prefix + "classes"] = numbers_of(kept.classes);
  out[prefix + "masks"] = masks_of(kept, plan.output);
}

}  // namespace

Replay replay_det_transforms(const GoldenFile& file) {
  Replay replay;
  for (const Json& golden_case : file.config().at("cases")) {
    add_case(file, golden_case, replay.tensors);
  }
  return replay;
}

}  // namespace convmae::golden
