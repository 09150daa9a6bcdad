#include "convmae/data/labels/label_check.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/decode/decode_label.h"
#include "convmae/data/decode/upright_size.h"

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

/// Of one file.
struct Occurrence {
  std::int64_t pixels = 0;
  std::int64_t first = 0;
};

template <typename T>
std::map<std::int64_t, Occurrence> occurrences_of(std::span<const T> ids) {
  std::vector<Occurrence> all(std::size_t{1} << (8 * sizeof(T)));
  for (std::size_t i = ids.size(); i-- > 0;) {
    Occurrence& own = all[ids[i]];
    ++own.pixels;
    own.first = static_cast<std::int64_t>(i);
  }
  std::map<std::int64_t, Occurrence> found;
  for (std::size_t id = 0; id < all.size(); ++id) {
    if (all[id].pixels > 0) found.emplace(id, all[id]);
  }
  return found;
}

class Checker {
 public:
  Checker(const LabelPairs& pairs, const LabelScheme* scheme, const LabelPalette* palette)
      : pairs_(pairs), scheme_(scheme), palette_(palette) {}

  LabelReport run() {
    report_.pairs = pairs_.size();
    for (std::int64_t i = 0; i < pairs_.size(); ++i) visit(i);
    add_warning("images without a label file", pairs_.lone().images);
    add_warning("label files without an image", pairs_.lone().labels);
    add_warning("label files of which no pixel counts", nothing_counts_);
    if (scheme_ != nullptr) add_warning("classes that occur nowhere", absent_classes());
    return std::move(report_);
  }

 private:
  void error(const std::string& file, const std::string& what) {
    constexpr std::int64_t kKept = 1000;
    if (++report_.error_count <= kKept) report_.errors.push_back(quote(file) + ": " + what);
  }

  void add_warning(const char* kind, const std::vector<std::string>& found) {
    if (!found.empty()) report_.warnings.push_back({kind, quote(found.front()), std::ssize(found)});
  }

  void visit(std::int64_t index) {
    const std::string name = pairs_.label_name(index);
    try {
      pairs_.read_label(index, bytes_);
      decode_label(bytes_, {palette_}, ids_);
    } catch (const UserError& fault) {
      return error(name, fault.what());
    }
    count(name);
    try {
      pairs_.read(index, bytes_);
      const Size size = upright_size(bytes_);
      if (size != ids_.size()) {
        error(name, "expected " + size_text(size) + " pixels (height x width), as the upright " +
                        "image " + quote(pairs_.name(index)) + " has, found " +
                        size_text(ids_.size()));
      }
    } catch (const UserError& fault) {
      error(pairs_.name(index), fault.what());
    }
  }

  void count(const std::string& name) {
    const auto [height, width] = ids_.size();
    const bool is_first = report_.largest.height == 0;
    report_.smallest = is_first ? ids_.size()
                                : Size{std::min(report_.smallest.height, height),
                                       std::min(report_.smallest.width, width)};
    report_.largest = {std::max(report_.largest.height, height),
                       std::max(report_.largest.width, width)};
    const auto found = ids_.type() == PixelType::uint8
                           ? occurrences_of(std::as_const(ids_).values<std::uint8_t>())
                           : occurrences_of(std::as_const(ids_).values<std::uint16_t>());
    bool counts = false;
    for (const auto& [id, own] : found) {
      LabelReport::Count& all = report_.ids[id];
      all.pixels += own.pixels;
      ++all.files;
      if (scheme_ == nullptr) continue;
      const std::optional<std::int16_t> k = scheme_->class_of(id);
      counts = counts || k != LabelMap::kIgnored;
      if (!k) {
        error(name, "the id " + std::to_string(id) + " of " + std::to_string(own.pixels) +
                        " pixels, the first at row " + std::to_string(own.first / width) +
                        ", column " + std::to_string(own.first % width) + ", is of none of the " +
                        std::to_string(scheme_->num_classes()) + " classes and not ignored");
      }
    }
    if (scheme_ != nullptr && !counts) nothing_counts_.push_back(name);
  }

  std::vector<std::string> absent_classes() const {
    std::vector<std::string> absent;
    for (const LabelScheme::Class& own : scheme_->classes()) {
      const bool occurs = std::ranges::any_of(
          own.ids, [this](std::int32_t id) { return report_.ids.contains(id); });
      if (!occurs) absent.push_back(own.name);
    }
    return absent;
  }

  const LabelPairs& pairs_;
  const LabelScheme* scheme_;
  const LabelPalette* palette_;
  LabelReport report_;
  std::vector<std::string> nothing_counts_;
  std::vector<std::uint8_t> bytes_;
  Image ids_;
};

}  // namespace

LabelReport check_labels(const LabelPairs& pairs, const LabelScheme* scheme,
                         const LabelPalette* palette) {
  return Checker(pairs, scheme, palette).run();
}

}  // namespace convmae
