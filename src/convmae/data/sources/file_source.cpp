#include "convmae/data/sources/file_source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 7> kExtensions{".jpeg", ".jpg",  ".npy", ".png",
                                                 ".tif",  ".tiff", ".webp"};

/// Paths of all images under `folder`, relative to it, in byte order. Links to folders are
/// followed; hidden files and folders are left out.
void collect(const fs::path& root, const fs::path& below, int depth,
             std::vector<std::string>& found) {
  constexpr int kMaxDepth = 32;  // a link that leads back to a parent would go on for ever
  if (depth > kMaxDepth) {
    throw UserError("folders in " + quote(root.string()) + " are more than " +
                    std::to_string(kMaxDepth) + " deep: look for a link to a parent folder");
  }
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(root / below)) {
      const fs::path name = entry.path().filename();
      if (name.native().starts_with('.')) continue;
      if (entry.is_directory()) {
        collect(root, below / name, depth + 1, found);
      } else if (has_image_extension(name)) {
        found.push_back((below / name).string());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw UserError("cannot read the folder " + quote((root / below).string()) + ": " +
                    error.code().message() + ": check the path and its permissions");
  }
}

/// A file to read from, closed with the object.
class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) fail();
  }
  ~OpenFile() { ::close(file_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  std::int64_t size() const {
    struct stat status {};
    if (::fstat(file_, &status) != 0) fail();
    if (!S_ISREG(status.st_mode)) {
      throw UserError("expected a file, found something else: " + quote(path_.string()));
    }
    return status.st_size;
  }

  /// Fewer bytes if the file ends before: a decoder will call them truncated.
  void read(std::int64_t offset, std::int64_t size, std::vector<std::uint8_t>& bytes) const {
    bytes.resize(static_cast<std::size_t>(size));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t count = ::pread(file_, bytes.data() + filled, bytes.size() - filled,
                                    offset + static_cast<std::int64_t>(filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail();
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    bytes.resize(filled);
  }

 private:
  [[noreturn]] void fail() const {
    throw UserError("cannot read " + quote(path_.string()) + ": " + std::strerror(errno) +
                    ": check the path and its permissions");
  }

  const fs::path& path_;
  int file_;
};

}  // namespace

FileSource::FileSource(fs::path root, std::vector<Entry> entries, std::vector<std::string> classes,
                       std::string kind)
    : root_(std::move(root)),
      entries_(std::move(entries)),
      classes_(std::move(classes)),
      kind_(std::move(kind)) {
  // They are written into checkpoints and compared with what comes back.
  for (std::string& name : classes_) name = as_utf8(name);
}

std::string FileSource::name(std::int64_t index) const {
  return (root_ / entries_[static_cast<std::size_t>(index)].path).string();
}

std::int64_t FileSource::label(std::int64_t index) const {
  return entries_[static_cast<std::size_t>(index)].label;
}

void FileSource::read(std::int64_t index, std::vector<std::uint8_t>& bytes) const {
  read_file(name(index), bytes);
}

std::string FileSource::description() const {
  std::string text =
      printable(kind_ + " " + root_.string()) + ": " + std::to_string(size()) + " images";
  if (!classes_.empty()) text += " in " + std::to_string(classes_.size()) + " classes";
  return text;
}

bool has_image_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

void read_file(const fs::path& path, std::vector<std::uint8_t>& bytes) {
  const OpenFile file(path);
  file.read(0, file.size(), bytes);
}

void read_file_part(const fs::path& path, std::int64_t offset, std::int64_t size,
                    std::vector<std::uint8_t>& bytes) {
  OpenFile(path).read(offset, size, bytes);
}

std::unique_ptr<ImageSource> open_folder(const fs::path& folder) {
  std::vector<std::string> paths;
  collect(folder, {}, 0, paths);
  if (paths.empty()) {
    std::string extensions;
    for (const char* extension : kExtensions) extensions += std::string(" ") + extension;
    throw UserError("no images in the folder " + quote(folder.string()) +
                    ": looked at every depth for names ending in" + extensions +
                    ", and for IDX files: check the path");
  }
  std::sort(paths.begin(), paths.end());
  const auto class_of = [](const std::string& path) { return path.substr(0, path.find('/')); };
  const bool has_classes = std::all_of(paths.begin(), paths.end(), [](const std::string& path) {
    return path.find('/') != std::string::npos;
  });
  std::map<std::string, std::int64_t> label_of;
  if (has_classes) {
    for (const std::string& path : paths) label_of.emplace(class_of(path), 0);
  }
  std::vector<std::string> classes;
  for (auto& [name, label] : label_of) {
    label = std::ssize(classes);
    classes.push_back(name);
  }
  std::vector<FileSource::Entry> entries;
  entries.reserve(paths.size());
  for (std::string& path : paths) {
    const std::int64_t label = has_classes ? label_of.at(class_of(path)) : ImageSource::kNoLabel;
    entries.push_back({std::move(path), label});
  }
  return std::make_unique<FileSource>(folder, std::move(entries), std::move(classes), "folder");
}

}  // namespace convmae
