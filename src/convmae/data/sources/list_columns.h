#pragma once

#include "convmae/io/csv.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace convmae {

/// Whether a path of a list leads to something.
using IsImage = std::function<bool(const std::string& path)>;

/// Which fields of a list's rows are the image and its label.
struct ListColumns {
  std::size_t path = 0;
  std::optional<std::size_t> label;
  std::size_t count = 0;
  bool has_heading = false;
  /// For logs, where there was a choice: "columns 'filename' and 'species'".
  std::string choice;
};

/// The columns that a heading names, if `row` is one: a field of it is one of the usual names of a
/// path, none ends as an image does, and the first one is no image. Names count in any case and
/// with any of ' ', '_' and '-' in them; of several the most telling one is taken, a class's name
/// before its number. Of two columns the other one is the label whatever it is called, but for a
/// row's number. `all_known`: whether all fields have to be such names.
std::optional<ListColumns> columns_of_heading(const CsvRow& row, const IsImage& is_image,
                                              bool all_known);

/// The same of a heading that has another name for the path: none of its fields ends as an image
/// does, but one of the row below it, which is one.
std::optional<ListColumns> columns_of_heading(const CsvRow& row, const CsvRow& below,
                                              const IsImage& is_image);

/// The columns of rows without a heading that are not just a path and its label: `row` is the first
/// one, in which the only field that ends as an image does is one. The label is behind it, or
/// before it if it is the last.
std::optional<ListColumns> columns_of_first_row(const CsvRow& row, const IsImage& is_image);

/// Without the blanks around it.
std::string trimmed(std::string_view text);

}  // namespace convmae
