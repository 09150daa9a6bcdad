#pragma once

#include "convmae/coco/results.h"

#include "io/test_files.h"
#include <string>

namespace convmae::coco::test {

/// Annotations in memory; the lists without their brackets.
inline std::string annotation_file(const std::string& images, const std::string& annotations,
                                   const std::string& categories) {
  return R"({"images": [)" + images + R"(], "annotations": [)" + annotations +
         R"(], "categories": [)" + categories + "]}";
}

/// Two images of 100x100, ids 1 and 2.
constexpr const char* kImages =
    R"({"id": 2, "height": 100, "width": 100, "file_name": "b.jpg"},
       {"id": 1, "height": 100, "width": 100, "file_name": "a.jpg"})";
constexpr const char* kCategories =
    R"({"id": 7, "name": "cat", "supercategory": "animal"}, {"id": 3, "name": "dog"})";

class CocoFiles {
 public:
  std::filesystem::path write(const std::string& text) const {
    std::filesystem::path path = directory_ / "file.json";
    convmae::test::write_text(path, text);
    return path;
  }
  Dataset dataset(const std::string& annotations, const std::string& images = kImages,
                  const std::string& categories = kCategories) const {
    return Dataset::read(write(annotation_file(images, annotations, categories)));
  }
  Results results(const std::string& detections, const Dataset& dataset) const {
    return Results::read(write("[" + detections + "]"), dataset);
  }

 private:
  convmae::test::TemporaryDirectory directory_;
};

}  // namespace convmae::coco::test
