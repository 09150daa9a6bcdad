#include "convmae/data/sources/list_columns.h"

#include "convmae/base/quote.h"
#include "convmae/data/sources/entry_names.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <span>
#include <vector>

namespace convmae {
namespace {

using Names = std::span<const std::string_view>;

/// In letters and digits alone, the most telling first.
constexpr std::string_view kPaths[] = {
    "path",      "filepath",      "imagepath",   "imgpath", "paths",  "filepaths", "filename",
    "filenames", "imagefilename", "imgfilename", "file",    "files",  "imagefile", "imgfile",
    "imagename", "imgname",       "fname",       "image",   "images", "img",       "imgs",
    "picture",   "photo",         "name",        "imageid", "imgid",  "id"};
constexpr std::string_view kLabels[] = {
    "classname",   "labelname", "categoryname", "targetname", "class",    "classes",    "label",
    "labels",      "category",  "categories",   "target",     "targets",  "classlabel", "choice",
    "groundtruth", "gt",        "annotation",   "tag",        "y",        "classid",    "labelid",
    "categoryid",  "targetid",  "classidx",     "classindex", "labelidx", "labelindex"};
constexpr std::string_view kNumbers[] = {"",         "index",    "idx", "id",
                                         "unnamed0", "rownames", "no",  "number"};

std::string plain(const CsvField& field) {
  std::string name;
  for (const char c : field.text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) name += static_cast<char>(std::tolower(byte));
  }
  return name;
}

bool is_one_of(const std::string& name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The field that has the first of `names` that any has.
std::optional<std::size_t> find_column(const std::vector<std::string>& fields, Names names) {
  for (const std::string_view name : names) {
    const auto found = std::find(fields.begin(), fields.end(), name);
    if (found != fields.end()) return static_cast<std::size_t>(found - fields.begin());
  }
  return std::nullopt;
}

bool looks_like_image(const CsvField& field) { return has_image_extension(trimmed(field.text)); }

/// The only field that ends as an image does, if it is one.
std::optional<std::size_t> image_column(const CsvRow& row, const IsImage& is_image) {
  const auto found = std::ranges::find_if(row.fields, looks_like_image);
  if (found == row.fields.end() || !is_image(trimmed(found->text)) ||
      std::any_of(found + 1, row.fields.end(), looks_like_image)) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - row.fields.begin());
}

std::vector<std::string> plain_names(const CsvRow& row) {
  std::vector<std::string> names;
  std::ranges::transform(row.fields, std::back_inserter(names), plain);
  return names;
}

ListColumns columns_named(const CsvRow& row, std::size_t path) {
  const std::vector<std::string> names = plain_names(row);
  ListColumns columns{path, find_column(names, kLabels), names.size(), true, {}};
  const bool is_known_pair =
      is_one_of(names[path], kPaths) && names.size() <= 2 && (columns.label || names.size() == 1);
  if (!columns.label && names.size() == 2) {
    const std::size_t other = 1 - path;
    if (other > path || !is_one_of(names[other], kNumbers)) columns.label = other;
  }
  if (!is_known_pair) {
    const auto name = [&](std::size_t i) { return quote(trimmed(row.fields[i].text)); };
    columns.choice = columns.label ? "columns " + name(path) + " and " + name(*columns.label)
                                   : "column " + name(path) + ", no column of labels";
  }
  return columns;
}

}  // namespace

std::string trimmed(std::string_view text) {
  constexpr const char* kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1));
}

std::optional<ListColumns> columns_of_heading(const CsvRow& row, const IsImage& is_image,
                                              bool all_known) {
  const std::vector<std::string> names = plain_names(row);
  const auto is_known = [](const std::string& name) {
    return is_one_of(name, kPaths) || is_one_of(name, kLabels) || is_one_of(name, kNumbers);
  };
  const std::optional<std::size_t> path = find_column(names, kPaths);
  if (!path || std::ranges::any_of(row.fields, looks_like_image) ||
      (all_known && !std::ranges::all_of(names, is_known)) ||
      is_image(trimmed(row.fields[0].text))) {
    return std::nullopt;
  }
  return columns_named(row, *path);
}

std::optional<ListColumns> columns_of_heading(const CsvRow& row, const CsvRow& below,
                                              const IsImage& is_image) {
  const std::optional<std::size_t> path = image_column(below, is_image);
  if (!path || row.fields.size() != below.fields.size() ||
      std::ranges::any_of(row.fields, looks_like_image)) {
    return std::nullopt;
  }
  return columns_named(row, *path);
}

std::optional<ListColumns> columns_of_first_row(const CsvRow& row, const IsImage& is_image) {
  const std::optional<std::size_t> path = image_column(row, is_image);
  const std::size_t count = row.fields.size();
  if (!path || count < 2) return std::nullopt;
  const std::size_t label = *path + 1 < count ? *path + 1 : *path - 1;
  return ListColumns{*path, label, count, false,
                     "columns " + std::to_string(*path + 1) + " and " + std::to_string(label + 1)};
}

}  // namespace convmae
