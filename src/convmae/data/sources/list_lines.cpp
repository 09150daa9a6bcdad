#include "convmae/data/sources/list_lines.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace convmae {
namespace {

std::string count_of_fields(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " field" : " fields");
}

/// What a first line `sep=X` says; it becomes a comment.
std::optional<std::string> take_separator_line(std::string& text) {
  std::string_view line = std::string_view(text).substr(0, text.find_first_of("\r\n"));
  if (line.starts_with('"') && line.ends_with('"')) line = line.substr(1, line.size() - 2);
  if (line.size() != 5 || line[3] != '=') return std::nullopt;
  for (std::size_t i = 0; i < 3; ++i) {
    if (std::tolower(static_cast<unsigned char>(line[i])) != "sep"[i]) return std::nullopt;
  }
  std::string separator(1, line[4]);
  text[0] = '#';
  return separator;
}

/// Whether every one of the first rows has more than one field.
bool separates_rows(std::string_view text, std::string_view separators) {
  constexpr int kRows = 100;
  try {
    CsvReader reader(text, separators, "");
    CsvRow row;
    int rows = 0;
    for (; rows < kRows && reader.next(row); ++rows) {
      if (row.fields.size() < 2) return false;
    }
    return rows > 0;
  } catch (const UserError&) {
    return false;
  }
}

/// Of rows without a heading.
std::string separators_of(std::string_view text) {
  constexpr const char* kEither = ",\t";
  if (separates_rows(text, "\t")) return "\t";
  if (separates_rows(text, ",")) return kEither;
  return separates_rows(text, ";") ? ";" : kEither;
}

struct Heading {
  std::string separators;
  ListColumns columns;
};

std::optional<Heading> find_heading(std::string_view text, const std::optional<std::string>& said,
                                    const IsImage& is_image) {
  std::vector<std::string> candidates{",", "\t", ";", "|", " "};
  if (said) candidates = {*said};
  for (const std::string& separators : candidates) {
    try {
      CsvReader reader(text, separators, "");
      CsvRow row;
      if (!reader.next(row)) continue;
      // Any name of a file may have blanks.
      const bool all_known = separators == " ";
      const auto columns = columns_of_heading(row, is_image, all_known);
      if (columns) return Heading{separators, *columns};
    } catch (const UserError&) {
      continue;  // its quotes are not around what this one separates
    }
  }
  return std::nullopt;
}

/// In quotes all of a path counts, without them not the blanks around it.
std::string path_of(const CsvField& field) {
  return field.quoted ? field.text : trimmed(field.text);
}

/// The path of a row that is a path and a label: all before the last separator; nothing if quotes
/// say that it has more fields.
std::optional<std::string> path_of_pair(const CsvRow& row) {
  const CsvField& first = row.fields.front();
  if (row.fields.size() <= 2) return path_of(first);
  if (first.quoted) return std::nullopt;
  const std::string_view last = row.fields[row.fields.size() - 2].raw;
  const char* const begin = first.raw.data();
  return trimmed({begin, static_cast<std::size_t>(last.data() + last.size() - begin)});
}

ListLine pair_of(const CsvRow& row, const CsvReader& reader) {
  const CsvField& first = row.fields.front();
  std::optional<std::string> path = path_of_pair(row);
  if (!path) {
    throw UserError(reader.place(row.line) + ": expected a path and a label, found " +
                    count_of_fields(row.fields.size()) +
                    ": begin the list with a heading, such as path,label, that says what they are");
  }
  if (row.fields.size() > 1) return {*std::move(path), trimmed(row.fields.back().text), row.line};
  const std::size_t blank = first.quoted ? std::string::npos : path->find_last_of(' ');
  if (blank == std::string::npos || !parse_count(std::string_view(*path).substr(blank + 1))) {
    return {*std::move(path), "", row.line};
  }
  return {trimmed(std::string_view(*path).substr(0, blank)), path->substr(blank + 1), row.line};
}

/// `skip`: fields that come before the first column.
ListLine line_of(const CsvRow& row, const ListColumns& columns, std::size_t skip,
                 const CsvReader& reader) {
  const std::vector<CsvField>& fields = row.fields;
  const std::size_t expected = columns.count + skip;
  std::size_t size = fields.size();
  while (size > expected && trimmed(fields[size - 1].text).empty()) --size;
  if (size > expected) {
    if (columns.has_heading && expected == 2 && columns.path == 0) return pair_of(row, reader);
    throw UserError(reader.place(row.line) + " has " + count_of_fields(size) + ": expected " +
                    std::to_string(expected) + ", as in the first line: put quotes around text " +
                    "that has a separator in it");
  }
  ListLine line{"", "", row.line};
  if (columns.path + skip < size) line.path = path_of(fields[columns.path + skip]);
  if (columns.label && *columns.label + skip < size) {
    line.label = trimmed(fields[*columns.label + skip].text);
  }
  return line;
}

/// R leaves the names of its rows without a heading.
bool has_row_name(const CsvRow& row, const ListColumns& columns) {
  return columns.has_heading && row.fields.size() == columns.count + 1 &&
         (row.fields[0].quoted || parse_count(row.fields[0].text));
}

}  // namespace

ListLines parse_list(std::string text, const std::string& name, const IsImage& is_image) {
  const std::optional<std::string> said = take_separator_line(text);
  const std::optional<Heading> heading = find_heading(text, said, is_image);
  // A heading of one word does not say what separates the rows below it.
  std::optional<ListColumns> columns;
  if (heading && heading->columns.count > 1) columns = heading->columns;
  const std::string separators = columns ? heading->separators : said.value_or(separators_of(text));
  ListLines list;
  CsvReader reader(text, separators, name);
  CsvRow row;
  if (heading) reader.next(row);
  std::size_t skip = 0;
  while (reader.next(row)) {
    if (list.lines.empty()) {
      if (columns && has_row_name(row, *columns)) skip = 1;
      if (!columns && !is_image(path_of_pair(row).value_or(""))) {
        columns = columns_of_first_row(row, is_image);
        CsvReader ahead = reader;
        CsvRow below;
        if (!columns && !heading && ahead.next(below)) {
          columns = columns_of_heading(row, below, is_image);
          if (columns) continue;
        }
      }
    }
    list.lines.push_back(columns ? line_of(row, *columns, skip, reader) : pair_of(row, reader));
    if (list.lines.back().path.empty()) {
      throw UserError(reader.place(row.line) + " names no image: expected a path, found " +
                      count_of_fields(row.fields.size()) + ": complete or remove the line");
    }
  }
  if (columns) list.choice = columns->choice;
  return list;
}

}  // namespace convmae
