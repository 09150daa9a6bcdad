#pragma once

#include "convmae/coco/dataset.h"
#include "convmae/io/atomic_file.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae::coco {

/// An object for a file of annotations.
struct NewAnnotation {
  std::int64_t image_id = 0;
  std::int64_t category_id = 0;
  XywhBox box{};
  std::optional<Rle> mask;
  std::optional<double>
      score;  ///< of a detection; COCO's format has none, and readers pass over it
};

/// A COCO file of images and annotations that is written object by object; nothing appears before
/// `commit`. Masks become polygons that give the same pixels, those with holes, or without a
/// pixel, run lengths as numbers. Images wait in memory for the list of annotations to end. Throws
/// UserError that names the file.
class DatasetWriter {
 public:
  DatasetWriter(const std::filesystem::path& path, const std::vector<Category>& categories);

  void add_image(const ImageRecord& image);
  /// Numbers them from 1.
  void add_annotation(const NewAnnotation& annotation);
  void commit();

 private:
  AtomicFile file_;
  std::string images_;
  std::int64_t annotations_ = 0;
};

}  // namespace convmae::coco
