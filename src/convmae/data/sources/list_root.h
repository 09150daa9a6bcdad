#pragma once

#include "convmae/data/sources/list_lines.h"

#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

/// Where the paths of a list lead: relative to its folder, or else to the folder in which the
/// program runs, with Windows' separators turned round where only that leads to a file.
class ListRoot {
 public:
  explicit ListRoot(const std::filesystem::path& list) : root_(list.parent_path()) {}

  /// Whether a path leads to something that may be an image.
  bool leads_to_image(const std::string& path) const;

  /// Decides for all lines by what some of them lead to. Throws UserError if none of the first ones
  /// leads to anything, or if the very first does not and is not called as an image is: it may be a
  /// heading.
  void settle(std::vector<ListLine>& lines, const std::string& list);

  /// A path with Windows' separators turned round where only that leads to a file.
  std::string slashes_turned(const std::string& path) const;

  const std::filesystem::path& path() const { return root_; }

 private:
  std::string missing(const std::vector<ListLine>& lines, const std::string& list) const;

  std::filesystem::path root_;
};

}  // namespace convmae
