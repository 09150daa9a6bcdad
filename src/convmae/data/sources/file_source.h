#pragma once

#include "convmae/data/sources/source.h"

#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

/// Images that are files of their own.
class FileSource : public ImageSource {
 public:
  struct Entry {
    std::string path;  ///< relative to the root, or absolute
    std::int64_t label = kNoLabel;
  };

  /// `account` says where the images are and what was left out; they are counted here.
  FileSource(std::filesystem::path root, std::vector<Entry> entries,
             std::vector<std::string> classes, SourceAccount account, bool numbered = false);

  std::int64_t size() const override { return std::ssize(entries_); }
  std::string name(std::int64_t index) const override;
  std::int64_t label(std::int64_t index) const override;
  const std::vector<std::string>& classes() const override { return classes_; }
  bool has_numbered_classes() const override { return numbered_; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override;
  SourceAccount account() const override { return account_; }

 private:
  std::filesystem::path root_;
  std::vector<Entry> entries_;
  std::vector<std::string> classes_;
  SourceAccount account_;
  bool numbered_;
};

/// Images anywhere under `folder`: with classes if none lies in the folder itself. `account` says
/// what was left out before. Throws UserError if the folder cannot be read or holds no image.
std::unique_ptr<ImageSource> open_folder(const std::filesystem::path& folder,
                                         SourceAccount account = {});

/// A list of images as parse_list reads it, in UTF-8 or UTF-16. Paths are relative to the list's
/// folder, or else to the one where the program runs; `\` is turned into `/` where only that leads
/// to a file. Labels name classes as ClassNames has them; lines without one are images without a
/// class. Throws UserError if the list is empty or damaged, or names first images none of which
/// exists.
std::unique_ptr<ImageSource> open_list(const std::filesystem::path& list);

/// An image file of more bytes is refused.
inline constexpr std::int64_t kLargestImage = std::int64_t{1} << 29;

/// Reads a whole image file. Of a large one that does not begin as an image does, which the decoder
/// will refuse, no more than the beginning is read. Throws UserError with the name and the reason,
/// also for what is not a regular file or is larger than an image.
void read_file(const std::filesystem::path& path, std::vector<std::uint8_t>& bytes);
/// Reads `size` bytes from `offset` on; fewer if the file ends before.
void read_file_part(const std::filesystem::path& path, std::int64_t offset, std::int64_t size,
                    std::vector<std::uint8_t>& bytes);

}  // namespace convmae
