// The input is a JSON file of annotations or of results for two images of 100x100.

#include "convmae/base/error.h"
#include "convmae/coco/check.h"
#include "convmae/coco/evaluation.h"
#include "convmae/coco/training_selection.h"

#include "file_in_memory.h"
#include <cstdint>
#include <string_view>

namespace convmae::coco {
namespace {

convmae::coco::Dataset fixed_truth() {
  constexpr std::string_view kText = R"({
    "images": [{"id": 1, "height": 100, "width": 100}, {"id": 2, "height": 100, "width": 100}],
    "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    "annotations": [
      {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40],
       "segmentation": [[10, 10, 50, 10, 50, 50, 10, 50]]},
      {"id": 2, "image_id": 2, "category_id": 1, "bbox": [0, 0, 90, 90], "iscrowd": 1,
       "segmentation": {"size": [100, 100], "counts": [0, 9000, 1000]}}]})";
  const convmae::fuzz::FileInMemory file;
  file.hold(kText.data(), kText.size());
  return Dataset::read(file.path());
}

void use_annotations(const convmae::fuzz::FileInMemory& file) {
  constexpr std::int64_t kMostPixels = 1'000'000;
  const Dataset dataset = Dataset::read(file.path());
  select_for_training(dataset);
  Rle rle;
  for (const Annotation& annotation : dataset.annotations()) {
    const convmae::Size size = dataset.images().at(static_cast<std::size_t>(annotation.image)).size;
    static_cast<void>(dataset.categories().at(static_cast<std::size_t>(annotation.category)));
    usable_polygons(dataset, annotation);
    if (mask_pixels(size) <= kMostPixels) dataset.masks().draw(annotation.mask, size, rle);
  }
}

void use_results(const convmae::fuzz::FileInMemory& file) {
  static const Dataset truth = fixed_truth();
  const Results results = Results::read(file.path(), truth);
  for (const IouType type : {IouType::boxes, IouType::masks}) {
    for (const double value : Evaluation(truth, results, {type, false}).stats()) {
      if (!(value == -1 || (value >= 0 && value <= 1))) __builtin_trap();
    }
  }
}

}  // namespace
}  // namespace convmae::coco

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const convmae::fuzz::FileInMemory file;
  file.hold(data, size);
  for (const auto use : {convmae::coco::use_annotations, convmae::coco::use_results}) {
    try {
      use(file);
    } catch (const convmae::UserError&) {
      continue;  // the expected end of most inputs
    }
  }
  try {
    convmae::coco::check_file(file.path(), {});
  } catch (const convmae::UserError&) {
    return 0;
  }
  return 0;
}
