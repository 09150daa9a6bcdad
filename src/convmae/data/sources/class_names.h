#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// The number that a class is named by: a whole one of 64 bits, also with leading zeros, or with
/// the decimal point and zeros that programs give a column with gaps (3.0). Nothing for other text.
std::optional<std::int64_t> class_number(std::string_view name);

/// Classes that files name image by image. If all names are whole numbers, the classes are the
/// distinct numbers in ascending order, however large they are and however much lies between them;
/// else they are the distinct names in byte order. What they take depends on how many there are
/// alone.
class ClassNames {
 public:
  /// Returns a number for the class that stands until `settle`.
  std::int64_t add(std::string_view name);
  /// To be called after the last `add`.
  void settle();

  /// By class index.
  const std::vector<std::string>& names() const { return names_; }
  /// The class index of what `add` returned.
  std::int64_t index(std::int64_t added) const {
    return index_.at(static_cast<std::size_t>(added));
  }
  /// Whether the names are numbers.
  bool numbered() const { return numbered_; }

 private:
  std::map<std::string, std::int64_t, std::less<>> added_;
  std::vector<std::string> names_;
  std::vector<std::int64_t> index_;
  bool numbered_ = false;
};

}  // namespace convmae
