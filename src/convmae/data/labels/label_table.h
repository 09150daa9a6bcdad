#pragma once

#include "convmae/data/augment/augment.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What a row of a table says of an id.
struct LabelRow {
  std::string place;              ///< "'map.csv', line 3": what errors about it begin with
  std::int64_t id = 0;            ///< 0 .. kLargestLabelId
  std::optional<std::int64_t> k;  ///< its class; none: its pixels are ignored
  std::string name;               ///< of the class; may be empty
  std::optional<Rgb> colour;
};

struct LabelTable {
  bool has_colours = false;
  std::vector<LabelRow> rows;
};

/// Reads a table of ids as CSV, also by tabs, semicolons or blanks, whose heading says what the
/// columns are, in any case:
/// - `id` (also idx, index, value, label): without it ids are the numbers of the rows from 0 on;
/// - `class` (also trainid): the index of the class; empty, `ignore` or below 0: its pixels are
///   ignored. Without the column each row is a class of its own, in their order;
/// - `name`;
/// - `red`, `green`, `blue` (also r, g, b), or `colour` as #RRGGBB.
/// Other columns mean nothing. ADE20K's objectInfo150.txt is such a table, CamVid's class_dict.csv
/// too. Throws UserError that names the file and the line.
LabelTable read_label_table(const std::filesystem::path& path);

/// Reads names of classes, one a line; blank lines and those that begin with # are passed over.
/// Throws UserError if there is none, or one twice.
std::vector<std::string> read_class_names(const std::filesystem::path& path);

}  // namespace convmae
