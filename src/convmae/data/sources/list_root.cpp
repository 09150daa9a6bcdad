#include "convmae/data/sources/list_root.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/entry_names.h"

#include <algorithm>
#include <system_error>

namespace convmae {
namespace {

namespace fs = std::filesystem;

/// A link that leads nowhere is an image like another, which cannot be read.
bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

std::string with_slashes(std::string path) {
  std::ranges::replace(path, '\\', '/');
  return path;
}

bool exists(const fs::path& root, const std::string& path) {
  return !path.empty() && (is_there(root / path) || (path.find('\\') != std::string::npos &&
                                                     is_there(root / with_slashes(path))));
}

}  // namespace

bool ListRoot::leads_to_image(const std::string& path) const {
  std::error_code ignored;
  return (exists(root_, path) && !fs::is_directory(root_ / path, ignored)) ||
         (exists({}, path) && !fs::is_directory(path, ignored));
}

void ListRoot::settle(std::vector<ListLine>& lines, const std::string& list) {
  constexpr std::ptrdiff_t kTried = 100;
  const auto end = lines.begin() + std::min(std::ssize(lines), kTried);
  const auto in = [end, &lines](const fs::path& root) {
    return std::any_of(lines.begin(), end,
                       [&root](const ListLine& line) { return exists(root, line.path); });
  };
  if (!in(root_) && !in({})) throw UserError(missing(lines, list));
  if (!in(root_)) root_.clear();
  if (!exists(root_, lines.front().path) && !has_image_extension(lines.front().path)) {
    throw UserError(missing(lines, list));
  }
  const auto slanted = std::ranges::find_if(
      lines, [](const ListLine& line) { return line.path.find('\\') != std::string::npos; });
  if (slanted == lines.end() || is_there(root_ / slanted->path) || !exists(root_, slanted->path)) {
    return;
  }
  for (ListLine& line : lines) line.path = with_slashes(line.path);
}

std::string ListRoot::slashes_turned(const std::string& path) const {
  return is_there(root_ / path) || !exists(root_, path) ? path : with_slashes(path);
}

std::string ListRoot::missing(const std::vector<ListLine>& lines, const std::string& list) const {
  const ListLine& first = lines.front();
  const std::string text = "the first image of the " + list + " does not exist: line " +
                           std::to_string(first.line) + " names " + quote(first.path);
  if (first.path.find("://") != std::string::npos) {
    return text + ": expected the path of a file, found an address; download the images first";
  }
  return text + ", looked for as " + quote((root_ / first.path).string()) +
         ": expected paths relative to the list's folder " +
         quote(root_.empty() ? "." : root_.string()) +
         " or to the one where the program runs; a heading calls their column path and that of "
         "the labels label";
}

}  // namespace convmae
