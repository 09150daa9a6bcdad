#include "convmae/data/labels/label_palette.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/labels/label_table.h"

#include <algorithm>
#include <string>
#include <utility>

namespace convmae {
namespace {

std::uint32_t number_of(const Rgb& colour) {
  return std::uint32_t{colour[0]} << 16 | std::uint32_t{colour[1]} << 8 | colour[2];
}

}  // namespace

std::string colour_text(const Rgb& colour) {
  return std::to_string(colour[0]) + "," + std::to_string(colour[1]) + "," +
         std::to_string(colour[2]);
}

LabelPalette::LabelPalette(std::vector<Entry> entries) : entries_(std::move(entries)) {
  ids_.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    if (!ids_.emplace(number_of(entry.colour), entry.id).second) {
      throw UserError("expected colours that differ in a palette, found " +
                      colour_text(entry.colour) + " twice: leave one out");
    }
  }
}

std::optional<std::uint16_t> LabelPalette::id_of(const Rgb& colour) const {
  const auto found = ids_.find(number_of(colour));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Rgb> LabelPalette::colour_of(std::int64_t id) const {
  const auto found = std::ranges::find(entries_, id, &Entry::id);
  return found == entries_.end() ? std::nullopt : std::optional(found->colour);
}

LabelPalette read_label_palette(const std::filesystem::path& path) {
  const LabelTable table = read_label_table(path);
  if (!table.has_colours) {
    throw UserError("expected columns red, green and blue, or colour, in " + quote(path.string()) +
                    ", found none: add them");
  }
  std::vector<LabelPalette::Entry> entries;
  entries.reserve(table.rows.size());
  for (const LabelRow& row : table.rows) {
    entries.push_back({*row.colour, static_cast<std::uint16_t>(row.id)});
  }
  try {
    return LabelPalette(std::move(entries));
  } catch (const UserError& error) {
    throw UserError(quote(path.string()) + ": " + error.what());
  }
}

}  // namespace convmae
