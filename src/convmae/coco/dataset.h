#pragma once

#include "convmae/coco/entries.h"
#include "convmae/coco/mask_store.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace convmae::coco {

struct ImageRecord {
  std::int64_t id = 0;
  Size size;
  std::string file_name;
};

struct Category {
  std::int64_t id = 0;
  std::string name;
};

struct Annotation {
  std::int64_t id = 0;
  std::int32_t image = 0;     ///< index of the image
  std::int32_t category = 0;  ///< index of the category
  XywhBox box{};
  /// As the file has it, else that of the box.
  double area = 0;
  MaskPlace mask;
  bool crowd = false;
};

/// The annotations of a COCO file, in memory once and in little of it.
class Dataset {
 public:
  /// Reads a file as a stream. Throws UserError that names the file and the entry for anything that
  /// is wrong with it (`check_annotations` lists everything), but annotations of images or
  /// categories that are not in it are left out and counted, as pycocotools does.
  static Dataset read(const std::filesystem::path& path);

  /// By ascending id.
  const std::vector<ImageRecord>& images() const { return images_; }
  /// By ascending id: the index is the class that a detector learns.
  const std::vector<Category>& categories() const { return categories_; }
  /// By image, those of one in the order of the file.
  const std::vector<Annotation>& annotations() const { return annotations_; }
  std::span<const Annotation> annotations_of(std::int64_t image) const;
  const MaskStore& masks() const { return masks_; }

  std::optional<std::int32_t> find_image(std::int64_t id) const;
  std::optional<std::int32_t> find_category(std::int64_t id) const;

  bool has_masks() const;
  std::int64_t without_area() const { return without_area_; }
  std::int64_t without_image() const { return without_image_; }
  std::int64_t without_category() const { return without_category_; }

 private:
  void add(const Entry& entry);
  void add_annotation(const Entry& entry);
  void index();

  std::vector<ImageRecord> images_;
  std::vector<Category> categories_;
  std::vector<Annotation> annotations_;
  std::vector<std::int64_t> image_ids_;     ///< of the annotations, while a file is read
  std::vector<std::int64_t> category_ids_;  ///< the same
  std::vector<std::size_t> begins_;         ///< of an image's annotations
  MaskStore masks_;
  std::int64_t without_area_ = 0;
  std::int64_t without_image_ = 0;
  std::int64_t without_category_ = 0;
};

}  // namespace convmae::coco
