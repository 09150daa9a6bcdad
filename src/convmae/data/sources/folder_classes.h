#pragma once

#include "convmae/data/sources/source.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// What the folders that images lie in mean.
struct FolderClasses {
  std::vector<std::string> folders;  ///< of the first level, in byte order
  /// Images beside these folders: with one of them the folders are no classes.
  std::int64_t beside = 0;
  std::string first_beside;
  std::vector<std::int64_t>
      labels;  ///< of each image the number of its folder, if they are classes

  bool are_classes() const { return beside == 0; }
  /// That they are none, for people.
  std::string why_none() const;
};

/// Of paths of images: the first folder of each is its class, if all of them have one.
FolderClasses folder_classes(const std::vector<std::string_view>& paths);

/// The folder of an archive that is read, and the images in it.
struct ArchiveFolder {
  std::vector<std::string_view> paths;  ///< below that folder
  std::vector<std::int64_t> images;     ///< their numbers among all
};

/// Which folder open_source would choose if an archive of images by these paths were unpacked. It
/// becomes part of the place in `account`, and what lies beside it is left out there.
ArchiveFolder choose_archive_folder(const std::vector<std::string>& paths, Split split,
                                    SourceAccount& account);

}  // namespace convmae
