#pragma once

#include "convmae/io/value.h"

#include <filesystem>

namespace convmae {

/// Writes `root` as a `.pth` file in the ZIP container, with pickle protocol 2, which
/// torch.load(weights_only=True) opens. Tensors that share a storage share it in the file, each
/// storage is written whole. What weights_only=True does not admit is written as the nearest thing
/// that it does: a Namespace as a dict, numpy scalars as numbers, numpy arrays as tensors.
/// Equal content gives equal files. Throws UserError on failures of the file system.
void write_pth(const std::filesystem::path& path, const Value& root);

}  // namespace convmae
