#pragma once

#include <filesystem>

namespace convmae {

/// Makes a directory, and those above it, if it is not there. Throws UserError if it cannot.
void make_directory(const std::filesystem::path& directory);

}  // namespace convmae
