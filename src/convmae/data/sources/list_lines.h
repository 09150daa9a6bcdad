#pragma once

#include "convmae/data/sources/list_columns.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// An image of a list.
struct ListLine {
  std::string path;
  std::string label;      ///< empty if it has none
  std::int64_t line = 0;  ///< of the file
};

struct ListLines {
  std::vector<ListLine> lines;
  std::string choice;  ///< ListColumns::choice
};

/// Reads a list of images, CSV with or without a heading, separated by commas, tabs, semicolons or,
/// where a heading shows it, '|' or blanks. A first line `sep=X`, which Excel obeys, says what by.
/// Without a heading a row is a path and a label behind the last separator, or behind the last
/// blank if it is a whole number; where that names no image, but another field of the first row
/// does, all rows have its columns, and where one of the second row does, the first one is a
/// heading after all. `name` is what errors call the file. Throws UserError for a row
/// that does not fit.
ListLines parse_list(std::string text, const std::string& name, const IsImage& is_image);

}  // namespace convmae
