#include "convmae/coco/dataset_writer.h"

#include "convmae/base/json_text.h"
#include "convmae/coco/outlines.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace convmae::coco {
namespace {

using Json = nlohmann::ordered_json;

/// Polygons; or run lengths, where polygons, whose union a mask is, cannot leave out a hole, and
/// where there would be none, which pycocotools does not draw.
Json segmentation_of(const Rle& mask) {
  const std::vector<Outline> outlines = outlines_of(mask);
  if (outlines.empty() || std::ranges::any_of(outlines, &Outline::is_hole)) {
    return {{"size", {mask.size.height, mask.size.width}}, {"counts", mask.runs}};
  }
  Json polygons = Json::array();
  for (const Outline& outline : outlines) {
    Json& polygon = polygons.emplace_back(Json::array());
    // Edges of pixels are whole numbers, which take less room.
    for (const double point : outline.points) polygon.push_back(static_cast<std::int64_t>(point));
  }
  return polygons;
}

}  // namespace

DatasetWriter::DatasetWriter(const std::filesystem::path& path,
                             const std::vector<Category>& categories)
    : file_(path) {
  Json list = Json::array();
  for (const Category& category : categories) {
    list.push_back({{"id", category.id}, {"name", category.name}});
  }
  file_.write("{\"categories\": " + json_text(list) + ",\n\"annotations\": [");
}

void DatasetWriter::add_image(const ImageRecord& image) {
  const Json json{{"id", image.id},
                  {"file_name", image.file_name},
                  {"height", image.size.height},
                  {"width", image.size.width}};
  images_ += (images_.empty() ? "\n" : ",\n") + json_text(json);
}

void DatasetWriter::add_annotation(const NewAnnotation& annotation) {
  Json json{{"id", annotations_ + 1},
            {"image_id", annotation.image_id},
            {"category_id", annotation.category_id},
            {"bbox", annotation.box},
            {"area", annotation.box[2] * annotation.box[3]},
            {"iscrowd", 0}};
  if (annotation.mask) {
    json["area"] = rle_area(*annotation.mask);
    json["segmentation"] = segmentation_of(*annotation.mask);
  }
  if (annotation.score) json["score"] = *annotation.score;
  file_.write((annotations_ == 0 ? "\n" : ",\n") + json_text(json));
  ++annotations_;
}

void DatasetWriter::commit() {
  file_.write("],\n\"images\": [" + images_ + "]}\n");
  file_.commit();
}

}  // namespace convmae::coco
