#pragma once

#include "convmae/data/sources/source_account.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

/// What lies under a folder.
struct FolderImages {
  std::vector<std::string> paths;    ///< relative to the folder, in byte order
  std::vector<std::string> folders;  ///< names of those in the folder itself that were looked into
  std::vector<LeftOut> left_out;
};

/// Everything under `folder` that has the name of an image. Links to folders are followed. Left out
/// are hidden files and folders, those of the system, directories of runs, and what cannot be
/// looked into: one such entry is not the end of the others. Throws UserError if `folder` itself
/// cannot be read.
FolderImages walk_folder(const std::filesystem::path& folder);

/// What a folder has in itself, without what is hidden or the system's.
struct FolderEntries {
  std::vector<std::string> folders;  ///< in byte order
  std::vector<std::string> others;   ///< files that have not the name of an image, in byte order
  std::int64_t images = 0;
  std::string first_image;  ///< in the order of the file system
  std::vector<LeftOut> left_out;
};

/// Throws UserError if the folder cannot be read.
FolderEntries entries_of(const std::filesystem::path& folder);

/// Whether an image lies in the folder or under it, as far as it can be looked into.
bool holds_images(const std::filesystem::path& folder);

}  // namespace convmae
