#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace convmae::coco {

/// One object of a COCO file's lists as it stands there: what is not in it is not set.
struct Entry {
  enum class Kind { image, annotation, category, result };
  /// What `segmentation` holds: nothing, an empty list, polygons, run lengths as numbers or as
  /// text.
  enum class Mask { none, empty, polygons, runs, text };

  Kind kind = Kind::annotation;
  std::int64_t position = 0;  ///< in its list, from 0
  std::optional<std::int64_t> id;
  std::optional<std::int64_t> image_id;
  std::optional<std::int64_t> category_id;
  std::optional<std::int64_t> height;
  std::optional<std::int64_t> width;
  std::optional<std::int64_t> crowd;
  std::optional<double> area;
  std::optional<double> score;
  std::string name;  ///< `name` of a category, `file_name` of an image
  bool has_box = false;
  std::vector<double> box;
  Mask mask = Mask::none;
  std::vector<double> coordinates;           ///< of all polygons, one after the other
  std::vector<std::uint32_t> polygon_sizes;  ///< coordinates of each
  std::vector<std::int64_t> mask_size;       ///< height, width of run lengths
  std::vector<std::int64_t> runs;
  std::string run_text;
  /// What of it is not what a COCO file has there.
  std::vector<std::string> faults;

  /// "annotation 17 (the 3rd of the list)" and the like.
  std::string description() const;
};

/// What a file consists of.
struct FileShape {
  bool is_list = false;  ///< results; else an object with lists
  bool has_images = false;
  bool has_annotations = false;
  bool has_categories = false;
};

/// Reads a file of annotations (an object with the lists images, annotations, categories, in any
/// order) or of results (a list) as a stream and hands over entry by entry; the Entry is used
/// again. Anything else in the file is skipped. Throws UserError that names the file, with line,
/// column and entry, for what is not JSON; entries with members of another type have `faults`.
FileShape read_entries(const std::filesystem::path& path,
                       const std::function<void(const Entry&)>& visit);

}  // namespace convmae::coco
