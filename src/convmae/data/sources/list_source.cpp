#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/class_names.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/list_lines.h"
#include "convmae/io/unicode_text.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

/// Where the paths of a list lead: relative to its folder, or else to the folder in which the
/// program runs, with Windows' separators turned round where only that leads to a file.
class ListRoot {
 public:
  explicit ListRoot(const fs::path& list) : root_(list.parent_path()) {}

  /// Whether a path leads to something that may be an image.
  bool leads_to_image(const std::string& path) const {
    std::error_code ignored;
    return (exists(root_, path) && !fs::is_directory(root_ / path, ignored)) ||
           (exists({}, path) && !fs::is_directory(path, ignored));
  }

  /// Decides for all lines by what some of them lead to. Throws UserError if none of the first ones
  /// leads to anything, or if the very first does not and is not called as an image is: it may be a
  /// heading.
  void settle(std::vector<ListLine>& lines, const std::string& list) {
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
    if (slanted == lines.end() || is_there(root_ / slanted->path) ||
        !exists(root_, slanted->path)) {
      return;
    }
    for (ListLine& line : lines) line.path = with_slashes(line.path);
  }

  const fs::path& path() const { return root_; }

 private:
  /// A link that leads nowhere is an image like another, which cannot be read.
  static bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
  }

  static std::string with_slashes(std::string path) {
    std::ranges::replace(path, '\\', '/');
    return path;
  }

  static bool exists(const fs::path& root, const std::string& path) {
    return !path.empty() && (is_there(root / path) || (path.find('\\') != std::string::npos &&
                                                       is_there(root / with_slashes(path))));
  }

  std::string missing(const std::vector<ListLine>& lines, const std::string& list) const {
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

  fs::path root_;
};

}  // namespace

std::unique_ptr<ImageSource> open_list(const fs::path& list) {
  constexpr FileKind kList{"a folder, an IDX file or a text list of images", std::int64_t{1} << 30};
  const std::string name = "list " + quote(list.string());
  ListRoot root(list);
  ListLines table =
      parse_list(read_unicode_text(list, kList), "the " + name,
                 [&root](const std::string& path) { return root.leads_to_image(path); });
  std::vector<ListLine>& lines = table.lines;
  if (lines.empty()) {
    throw UserError("no images in the list " + quote(list.string()) +
                    ": expected one path a line, with or without ',label'");
  }
  root.settle(lines, name);
  ClassNames classes;
  std::vector<FileSource::Entry> entries;
  entries.reserve(lines.size());
  for (const ListLine& line : lines) {
    entries.push_back(
        {line.path, line.label.empty() ? ImageSource::kNoLabel : classes.add(line.label)});
  }
  classes.settle();
  for (FileSource::Entry& entry : entries) {
    if (entry.label != ImageSource::kNoLabel) entry.label = classes.index(entry.label);
  }
  SourceAccount account{.place = list.string(), .kind = "list"};
  if (!table.choice.empty()) account.remarks.push_back(std::move(table.choice));
  return std::make_unique<FileSource>(root.path(), std::move(entries), classes.names(),
                                      std::move(account), classes.numbered());
}

}  // namespace convmae
