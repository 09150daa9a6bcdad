#pragma once

#include "convmae/coco/dataset.h"
#include "convmae/io/atomic_file.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae::coco {

struct Detection {
  std::int32_t image = 0;     ///< index of the image in the dataset
  std::int32_t category = 0;  ///< index of the category
  double score = 0;
  XywhBox box{};
  bool has_box = true;
  MaskPlace mask;
};

/// One detection for a results file. Sides of boxes are float32 in the published evaluators, and
/// are written as those are.
struct ResultLine {
  std::int64_t image_id = 0;
  std::int64_t category_id = 0;
  XywhBox box{};
  double score = 0;
  std::optional<Rle> mask;
};

/// The detections of a results file, in its order, or of whoever adds them one by one.
class Results {
 public:
  /// Reads a results file for the images and categories of `dataset`. Throws UserError that names
  /// the file and the entry, also for images that `dataset` does not have; detections of categories
  /// that it does not have are left out and counted. What has no box gets that of its mask.
  static Results read(const std::filesystem::path& path, const Dataset& dataset);

  /// Adds a detection as if it came last in a file. The dataset must have its image; one of a
  /// category that it does not have is left out and counted.
  void add(const ResultLine& line, const Dataset& dataset);

  const std::vector<Detection>& detections() const { return detections_; }
  const MaskStore& masks() const { return masks_; }
  bool has_masks() const;
  std::int64_t without_category() const { return without_category_; }

 private:
  void add(const Entry& entry, const Dataset& dataset);
  /// A new last detection; null for a category that the dataset does not have.
  Detection* append(std::int32_t image, std::int64_t category_id, const Dataset& dataset);

  std::vector<Detection> detections_;
  MaskStore masks_;
  std::int64_t without_category_ = 0;
};

/// The line as pycocotools reads it, an object in JSON with numbers that read back the same.
std::string result_json(const ResultLine& line);

/// A results file that is written line by line: nothing appears before `commit`. Throws UserError
/// that names the file.
class ResultsWriter {
 public:
  explicit ResultsWriter(const std::filesystem::path& path);
  void add(const ResultLine& line);
  void commit();

 private:
  AtomicFile file_;
  const char* separator_ = "";
};

/// Writes a results file. Throws UserError that names it.
void write_results(const std::filesystem::path& path, const std::vector<ResultLine>& lines);

}  // namespace convmae::coco
