#pragma once

#include "convmae/data/augment/augment.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace convmae {

/// The largest id that a pixel of a label file can have: 16 bits.
inline constexpr std::int64_t kLargestLabelId = 65535;

/// "12,34,56", as messages have it.
std::string colour_text(const Rgb& colour);

/// Which colour of a label image stands for which id.
class LabelPalette {
 public:
  struct Entry {
    Rgb colour{};
    std::uint16_t id = 0;
    bool operator==(const Entry&) const = default;
  };

  LabelPalette() = default;
  /// Throws UserError for a colour that stands twice.
  explicit LabelPalette(std::vector<Entry> entries);

  bool empty() const { return entries_.empty(); }
  const std::vector<Entry>& entries() const { return entries_; }
  std::optional<std::uint16_t> id_of(const Rgb& colour) const;
  /// The first colour of an id.
  std::optional<Rgb> colour_of(std::int64_t id) const;

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::uint32_t, std::uint16_t> ids_;
};

/// Reads a table (label_table.h) of colours: columns `red`, `green`, `blue` or one `colour` as
/// #RRGGBB, and `id`, without which ids are the numbers of the rows from 0 on. Throws UserError
/// that names the file and the line.
LabelPalette read_label_palette(const std::filesystem::path& path);

}  // namespace convmae
