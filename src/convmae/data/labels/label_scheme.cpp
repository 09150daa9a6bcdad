#include "convmae/data/labels/label_scheme.h"

#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/data/labels/label_table.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace convmae {
namespace {

using Class = LabelScheme::Class;

constexpr std::int16_t kUnknown = -2;

std::vector<std::int32_t> checked_ids(const std::vector<std::int64_t>& ids) {
  std::vector<std::int32_t> checked;
  checked.reserve(ids.size());
  for (const std::int64_t id : ids) {
    if (id < 0 || id > kLargestLabelId) {
      throw UserError("expected ids of labels from 0 to " + std::to_string(kLargestLabelId) +
                      ", found " + std::to_string(id) + ": give others");
    }
    checked.push_back(static_cast<std::int32_t>(id));
  }
  return checked;
}

/// Names with ids that lie side by side.
std::vector<Class> classes_of_names(const std::vector<std::string>& names, std::int64_t offset) {
  std::vector<Class> classes;
  classes.reserve(names.size());
  for (std::size_t k = 0; k < names.size(); ++k) {
    classes.push_back({names[k], checked_ids({static_cast<std::int64_t>(k) - offset})});
  }
  return classes;
}

/// The classes of a table; ids that it has none for go to `ignored`.
std::vector<Class> classes_of_table(const std::string& path, std::vector<std::int32_t>& ignored) {
  std::vector<Class> classes;
  for (const LabelRow& row : read_label_table(path).rows) {
    const auto id = static_cast<std::int32_t>(row.id);
    if (!row.k) {
      if (std::ranges::find(ignored, id) == ignored.end()) ignored.push_back(id);
      continue;
    }
    const auto k = static_cast<std::size_t>(*row.k);
    if (k >= classes.size()) classes.resize(k + 1);
    classes[k].ids.push_back(id);
    if (classes[k].name.empty()) classes[k].name = row.name;
  }
  for (std::size_t k = 0; k < classes.size(); ++k) {
    Class& own = classes[k];
    if (own.ids.empty()) {
      throw UserError("expected an id for each class from 0 to " +
                      std::to_string(classes.size() - 1) + " in " + quote(path) +
                      ", found none for " + std::to_string(k) +
                      ": number the classes without gaps");
    }
    if (own.name.empty()) own.name = std::to_string(own.ids.front());
  }
  return classes;
}

}  // namespace

LabelScheme::LabelScheme(std::vector<Class> classes, std::vector<std::int32_t> ignored,
                         LabelPalette palette)
    : classes_(std::move(classes)), ignored_(std::move(ignored)), palette_(std::move(palette)) {
  constexpr std::size_t kMostClasses = std::numeric_limits<std::int16_t>::max();
  if (classes_.empty() || classes_.size() > kMostClasses) {
    throw UserError("expected 1 to " + std::to_string(kMostClasses) + " classes of labels, found " +
                    std::to_string(classes_.size()) + ": give others");
  }
  const auto set = [this](std::int32_t id, std::int16_t k) {
    checked_ids({id});
    const auto place = static_cast<std::size_t>(id);
    if (place >= table_.size()) table_.resize(place + 1, kUnknown);
    if (table_[place] != kUnknown) {
      throw UserError("expected each id of a label once among classes and ignored ones, found " +
                      std::to_string(id) + " twice: check --ignore_index, --label_offset and " +
                      "--label_map");
    }
    table_[place] = k;
  };
  for (std::size_t k = 0; k < classes_.size(); ++k) {
    if (classes_[k].ids.empty()) throw UserError("expected an id of each class, found one without");
    for (const std::int32_t id : classes_[k].ids) set(id, static_cast<std::int16_t>(k));
  }
  for (const std::int32_t id : ignored_) set(id, LabelMap::kIgnored);
}

std::vector<std::string> LabelScheme::names() const {
  std::vector<std::string> names;
  std::ranges::transform(classes_, std::back_inserter(names), &Class::name);
  return names;
}

std::optional<std::int16_t> LabelScheme::class_of(std::int64_t id) const {
  if (id < 0 || id >= std::ssize(table_)) return std::nullopt;
  const std::int16_t k = table_[static_cast<std::size_t>(id)];
  return k == kUnknown ? std::nullopt : std::optional(k);
}

std::string LabelScheme::name_of(std::int64_t id) const {
  const std::optional<std::int16_t> k = class_of(id);
  return k && *k != LabelMap::kIgnored ? classes_[static_cast<std::size_t>(*k)].name : "";
}

void LabelScheme::apply(const Image& ids, LabelMap& map) const {
  map.classes.resize(static_cast<std::size_t>(ids.num_values()));
  const auto look_up = [&](const auto& values) {
    const std::size_t known = table_.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      map.classes[i] = values[i] < known ? table_[values[i]] : kUnknown;
    }
    const auto unknown = std::ranges::find(map.classes, kUnknown) - map.classes.begin();
    if (unknown == std::ssize(map.classes)) return;
    throw UserError("found the id " + std::to_string(values[static_cast<std::size_t>(unknown)]) +
                    " at row " + std::to_string(unknown / ids.width()) + ", column " +
                    std::to_string(unknown % ids.width()) + ", which is of none of the " +
                    std::to_string(num_classes()) + " classes and not ignored: check " +
                    "--label_offset, --ignore_index or --label_map");
  };
  if (ids.type() == PixelType::uint8) {
    look_up(ids.values<std::uint8_t>());
  } else {
    look_up(ids.values<std::uint16_t>());
  }
}

LabelScheme read_label_scheme(const LabelSchemeOptions& options) {
  if (options.classes.empty() == options.label_map.empty()) {
    throw UserError(
        std::string("expected either a file of class names as --classes or a table of ") +
        "ids as --label_map, found " +
        (options.classes.empty() ? "none: give one" : "both: leave one out"));
  }
  if (!options.label_map.empty() && options.label_offset != 0) {
    throw UserError(
        "expected no --label_offset beside --label_map, which says what ids are, found " +
        std::to_string(options.label_offset) + ": leave it out");
  }
  std::vector<std::int32_t> ignored = checked_ids(options.ignore_index);
  std::vector<Class> classes =
      options.label_map.empty()
          ? classes_of_names(read_class_names(options.classes), options.label_offset)
          : classes_of_table(options.label_map, ignored);
  LabelPalette palette;
  if (!options.palette.empty()) palette = read_label_palette(options.palette);
  return {std::move(classes), std::move(ignored), std::move(palette)};
}

std::string to_json(const LabelScheme& scheme) {
  nlohmann::ordered_json json;
  json["names"] = scheme.names();
  nlohmann::ordered_json& ids = json["ids"] = nlohmann::ordered_json::array();
  for (const Class& own : scheme.classes()) ids.push_back(own.ids);
  json["ignored"] = scheme.ignored();
  nlohmann::ordered_json& palette = json["palette"] = nlohmann::ordered_json::array();
  for (const auto& [colour, id] : scheme.palette().entries()) {
    palette.push_back({colour[0], colour[1], colour[2], id});
  }
  return json_text(json);
}

LabelScheme label_scheme_from_json(const std::string& text) {
  const std::string what = "the labels' description";
  JsonFields fields(text, what);
  std::vector<std::string> names;
  std::vector<std::vector<std::int64_t>> ids;
  std::vector<std::int64_t> ignored;
  std::vector<std::vector<std::int64_t>> palette;
  fields.take("names", names);
  fields.take("ids", ids);
  fields.take("ignored", ignored);
  fields.take("palette", palette);
  fields.finish();
  const auto is_byte = [](std::int64_t value) { return value >= 0 && value <= 255; };
  if (names.size() != ids.size()) throw UserError(what + " has not as many names as ids");
  std::vector<Class> classes;
  classes.reserve(names.size());
  for (std::size_t k = 0; k < names.size(); ++k) {
    classes.push_back({std::move(names[k]), checked_ids(ids[k])});
  }
  std::vector<LabelPalette::Entry> entries;
  entries.reserve(palette.size());
  for (const std::vector<std::int64_t>& row : palette) {
    if (row.size() != 4 || !std::all_of(row.begin(), row.begin() + 3, is_byte)) {
      throw UserError(what + " has no usable palette");
    }
    const Rgb colour{static_cast<std::uint8_t>(row[0]), static_cast<std::uint8_t>(row[1]),
                     static_cast<std::uint8_t>(row[2])};
    entries.push_back({colour, static_cast<std::uint16_t>(checked_ids({row[3]}).front())});
  }
  return {std::move(classes), checked_ids(ignored), LabelPalette(std::move(entries))};
}

}  // namespace convmae
