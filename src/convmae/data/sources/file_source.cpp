#include "convmae/data/sources/file_source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/decode/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <span>
#include <system_error>
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
      std::error_code unreachable;  // such as a link to itself: met when the image is read
      if (entry.is_directory(unreachable)) {
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

/// Fewer bytes if the file ends before: a decoder will call them truncated.
void read_part(const FileDescriptor& file, std::int64_t offset, std::int64_t size,
               const fs::path& path, std::vector<std::uint8_t>& bytes) {
  bytes.resize(static_cast<std::size_t>(size));
  bytes.resize(read_at(file, offset, std::as_writable_bytes(std::span(bytes)), path));
}

}  // namespace

FileSource::FileSource(fs::path root, std::vector<Entry> entries, std::vector<std::string> classes,
                       std::string kind, bool numbered)
    : root_(std::move(root)),
      entries_(std::move(entries)),
      classes_(std::move(classes)),
      kind_(std::move(kind)),
      numbered_(numbered) {
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
  std::string text = printable(kind_ + " " + (root_.empty() ? "." : root_.string())) + ": " +
                     std::to_string(size()) + " images";
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
  constexpr FileKind kImage{"an image file", kLargestImage};
  constexpr std::int64_t kGiant = 1 << 24;
  constexpr std::int64_t kBeginning = 1 << 12;
  const FileDescriptor file = open_for_reading(path);
  const std::int64_t size = size_of(file, kImage, path);
  if (size > kGiant) {
    read_part(file, 0, kBeginning, path, bytes);
    if (sniff_image_format(bytes) == ImageFormat::unknown) return;
  }
  read_part(file, 0, size, path, bytes);
}

void read_file_part(const fs::path& path, std::int64_t offset, std::int64_t size,
                    std::vector<std::uint8_t>& bytes) {
  read_part(open_for_reading(path), offset, size, path, bytes);
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
