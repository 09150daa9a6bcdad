#pragma once

#include "convmae/data/sources/folder_walk.h"
#include "convmae/data/sources/source.h"

#include <filesystem>
#include <memory>
#include <optional>

namespace convmae {

/// The image file of that split in a folder of the MNIST family, if there is one: the one whose
/// name has `train` in it, or `t10k` or `test`. What else lies there is left out in `account`.
/// Throws UserError if there are several, as of EMNIST, whose parts are data sets of their own.
std::optional<std::filesystem::path> find_idx_images(const std::filesystem::path& folder,
                                                     const FolderEntries& entries, Split split,
                                                     SourceAccount& account);

/// True if the file is called like an IDX file of images, plain or compressed.
bool is_idx_images(const std::filesystem::path& file);

/// An IDX file of images (`...-images-idx3-ubyte` or `...-images.idx3-ubyte`, plain or .gz), held
/// in memory, with the labels of the `...-labels-idx1-ubyte` file beside it if that exists, whose
/// name may have the dot and the .gz or not. Images are handed out as .npy bytes of one channel.
/// Throws UserError if a file is damaged or the two do not belong together.
std::unique_ptr<ImageSource> open_idx(const std::filesystem::path& images,
                                      SourceAccount account = {});

}  // namespace convmae
