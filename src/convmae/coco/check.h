#pragma once

#include "convmae/base/geometry.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace convmae::coco {

/// The size that a file of an image has, upright. Throws UserError if it cannot be read.
using SizeOfImage = std::function<Size(const std::string& file_name)>;

/// What is wrong with a file of annotations or results.
struct CheckReport {
  struct Warning {
    std::string kind;   ///< "boxes that reach out of their image"
    std::string first;  ///< the first entry, and what it has
    std::int64_t count = 0;
  };

  bool is_results = false;
  std::int64_t images = 0;
  std::int64_t annotations = 0;  ///< or results
  std::int64_t categories = 0;
  /// One line each, with the entry; only the first thousand are kept.
  std::vector<std::string> errors;
  std::int64_t error_count = 0;
  std::vector<Warning> warnings;
};

/// Reads a file as a stream and looks at every entry: members that are missing or of another type,
/// ids that stand twice, images and categories that are not in the file (errors); polygons and
/// masks that are empty, boxes that are none or reach out of their image, run lengths and image
/// files of another size (warnings). `size_of_image` may be empty. Throws UserError that names the
/// file, line and entry for what is not JSON.
CheckReport check_file(const std::filesystem::path& path, const SizeOfImage& size_of_image);

}  // namespace convmae::coco
