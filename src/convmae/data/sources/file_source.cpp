#include "convmae/data/sources/file_source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/data/sources/folder_classes.h"
#include "convmae/data/sources/folder_walk.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

constexpr LeaveReason kEmptyClass{"empty class", "empty classes"};

/// Fewer bytes if the file ends before: a decoder will call them truncated.
void read_part(const FileDescriptor& file, std::int64_t offset, std::int64_t size,
               const fs::path& path, std::vector<std::uint8_t>& bytes) {
  bytes.resize(static_cast<std::size_t>(size));
  bytes.resize(read_at(file, offset, std::as_writable_bytes(std::span(bytes)), path));
}

}  // namespace

FileSource::FileSource(fs::path root, std::vector<Entry> entries, std::vector<std::string> classes,
                       SourceAccount account, bool numbered)
    : root_(std::move(root)),
      entries_(std::move(entries)),
      classes_(std::move(classes)),
      account_(std::move(account)),
      numbered_(numbered) {
  // They are written into checkpoints and compared with what comes back.
  for (std::string& name : classes_) name = as_utf8(name);
  account_.images = size();
  account_.labelled =
      std::ranges::count_if(entries_, [](const Entry& entry) { return entry.label != kNoLabel; });
  account_.name_classes(classes_);
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

std::unique_ptr<ImageSource> open_folder(const fs::path& folder, SourceAccount account) {
  FolderImages found = walk_folder(folder);
  account.place = folder.string();
  account.kind = "folder";
  account.leave_out(found.left_out);
  if (found.paths.empty()) {
    throw UserError("no images in the folder " + quote(folder.string()) +
                    ": looked at every depth for names ending in" + image_extensions() +
                    ", and for IDX files" +
                    (account.left_out.empty() ? "" : ", found " + account.left_out_text()) +
                    ": check the path");
  }
  FolderClasses classes = folder_classes({found.paths.begin(), found.paths.end()});
  if (!classes.are_classes()) {
    if (!classes.folders.empty()) account.remarks.push_back(classes.why_none());
    classes.folders.clear();
  } else {
    for (const std::string& name : found.folders) {
      if (!std::ranges::binary_search(classes.folders, name)) account.leave_out(kEmptyClass, name);
    }
  }
  std::vector<FileSource::Entry> entries;
  entries.reserve(found.paths.size());
  for (std::size_t i = 0; i < found.paths.size(); ++i) {
    entries.push_back({std::move(found.paths[i]),
                       classes.are_classes() ? classes.labels[i] : ImageSource::kNoLabel});
  }
  return std::make_unique<FileSource>(folder, std::move(entries), std::move(classes.folders),
                                      std::move(account));
}

}  // namespace convmae
