#pragma once

#include "convmae/data/sources/source.h"

#include <filesystem>
#include <memory>
#include <optional>

namespace convmae {

/// The image file of that split in a folder of the MNIST family, if there is one.
std::optional<std::filesystem::path> find_idx_images(const std::filesystem::path& folder,
                                                     Split split);

/// True if the file is called like an IDX file of images, plain or compressed.
bool is_idx_images(const std::filesystem::path& file);

/// An IDX file of images (`...-images-idx3-ubyte`, plain or .gz), held in memory, with the labels
/// of the `...-labels-idx1-ubyte` file beside it if that exists. Images are handed out as .npy
/// bytes of one channel. Throws UserError if a file is damaged or the two do not belong together.
std::unique_ptr<ImageSource> open_idx(const std::filesystem::path& images);

}  // namespace convmae
