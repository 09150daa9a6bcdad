#include "convmae/data/labels/label_table.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/data/labels/label_palette.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/data/sources/list_columns.h"
#include "convmae/io/csv.h"
#include "convmae/io/unicode_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace convmae {
namespace {

constexpr FileKind kTable{"a table of ids", std::int64_t{1} << 26};
constexpr FileKind kNames{"a file of class names", std::int64_t{1} << 26};

using Column = std::optional<std::size_t>;

/// Which column is what.
struct Columns {
  Column id;
  Column k;
  Column name;
  Column colour;
  std::array<Column, 3> rgb;

  bool has_colours() const { return colour || (rgb[0] && rgb[1] && rgb[2]); }
  /// How many are known.
  int count() const {
    int known = 0;
    for (const Column& column : {id, k, name, colour, rgb[0], rgb[1], rgb[2]}) {
      known += column ? 1 : 0;
    }
    return known;
  }
};

Column column_called(const CsvRow& heading, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (std::size_t i = 0; i < heading.fields.size(); ++i) {
      std::string own = in_small_letters(trimmed(heading.fields[i].text));
      std::erase_if(own, [](char c) { return c == '_' || c == ' ' || c == '-'; });
      if (own == name) return i;
    }
  }
  return std::nullopt;
}

Columns columns_of(const CsvRow& heading) {
  return {.id = column_called(heading, {"id", "idx", "index", "labelid", "value", "label"}),
          .k = column_called(heading, {"class", "classindex", "trainid"}),
          .name = column_called(heading, {"name", "classname", "labelname"}),
          .colour = column_called(heading, {"colour", "color"}),
          .rgb = {column_called(heading, {"red", "r"}), column_called(heading, {"green", "g"}),
                  column_called(heading, {"blue", "b"})}};
}

/// What separates the fields: that by which the heading has the most known names.
struct Shape {
  std::string separators;
  Columns columns;
};

Shape shape_of(std::string_view text, const std::string& name) {
  Shape best;
  for (const char* const separators : {",", "\t", ";", " "}) {
    CsvRow heading;
    try {
      if (!CsvReader(text, separators, name).next(heading)) continue;
    } catch (const UserError&) {
      continue;  // its quotes are not around what this one separates
    }
    const Columns columns = columns_of(heading);
    if (columns.count() > best.columns.count()) best = {separators, columns};
  }
  if (best.columns.count() == 0) {
    throw UserError("expected a heading such as id,class,name in the first line of " + name +
                    ", found none: add it");
  }
  return best;
}

/// A field of a row; empty where the row ends before.
std::string field_of(const CsvRow& row, const Column& column) {
  return column && *column < row.fields.size() ? trimmed(row.fields[*column].text) : "";
}

std::int64_t number_of(const std::string& text, std::int64_t largest, const std::string& place,
                       const char* what) {
  const std::optional<std::int64_t> number = parse_count(text);
  if (!number || *number > largest) {
    throw UserError(place + ": expected " + what + " from 0 to " + std::to_string(largest) +
                    ", found " + quote(text) + ": mend the line");
  }
  return *number;
}

Rgb colour_of(const CsvRow& row, const Columns& columns, const std::string& place) {
  Rgb colour{};
  if (columns.colour) {
    const std::string text = field_of(row, columns.colour);
    const std::optional<std::int64_t> number =
        text.size() == 7 && text[0] == '#' ? parse_count(text.substr(1), 16) : std::nullopt;
    if (!number) {
      throw UserError(place + ": expected a colour as #RRGGBB, found " + quote(text) +
                      ": mend the line");
    }
    for (std::size_t i = 0; i < 3; ++i) {
      colour[i] = static_cast<std::uint8_t>(*number >> (8 * (2 - i)) & 0xFF);
    }
    return colour;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    colour[i] = static_cast<std::uint8_t>(
        number_of(field_of(row, columns.rgb[i]), 255, place, "a part of a colour"));
  }
  return colour;
}

/// Nothing for an ignored id.
std::optional<std::int64_t> class_of(const std::string& text, const std::string& place) {
  constexpr std::int64_t kMostClasses = 32767;
  if (text.empty() || in_small_letters(text) == "ignore") return std::nullopt;
  if (const auto number = parse_number<std::int64_t>(text); number && *number < 0) {
    return std::nullopt;
  }
  return number_of(text, kMostClasses - 1, place, "the index of a class");
}

}  // namespace

LabelTable read_label_table(const std::filesystem::path& path) {
  const std::string text = read_unicode_text(path, kTable);
  const std::string name = quote(path.string());
  const auto [separators, columns] = shape_of(text, name);
  CsvReader reader(text, separators, name);
  CsvRow row;
  reader.next(row);
  LabelTable table;
  table.has_colours = columns.has_colours();
  while (reader.next(row)) {
    const std::int64_t number = std::ssize(table.rows);
    LabelRow& out = table.rows.emplace_back();
    out.place = reader.place(row.line);
    const std::string id = columns.id ? field_of(row, columns.id) : std::to_string(number);
    out.id = number_of(id, kLargestLabelId, out.place, "an id");
    out.k = columns.k ? class_of(field_of(row, columns.k), out.place) : number;
    out.name = as_utf8(field_of(row, columns.name));
    if (table.has_colours) out.colour = colour_of(row, columns, out.place);
  }
  if (table.rows.empty()) {
    throw UserError("expected a row for each id in " + name + ", found none: add them");
  }
  return table;
}

std::vector<std::string> read_class_names(const std::filesystem::path& path) {
  const std::string text = read_unicode_text(path, kNames);
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    const std::string name = as_utf8(trimmed(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name.starts_with('#')) continue;
    if (!known.insert(name).second) {
      throw UserError("expected names that differ in " + quote(path.string()) + ", found " +
                      quote(name) + " twice: rename one");
    }
    names.push_back(name);
  }
  if (names.empty()) {
    throw UserError("expected a name of a class on each line of " + quote(path.string()) +
                    ", found none: add them");
  }
  return names;
}

}  // namespace convmae
