#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace convmae {

/// The SHA-256 of some bytes as 64 hexadecimal digits.
std::string sha256(std::span<const std::byte> data);

/// The SHA-256 of a file's content. Throws UserError if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace convmae
