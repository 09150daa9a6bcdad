#pragma once

#include "convmae/report/picture.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace convmae {

/// The bytes of an 8-bit RGB PNG file.
std::vector<std::uint8_t> encode_png(const Picture& picture);

/// The bytes of an 8-bit grey PNG file of `pixels`, [height, width].
std::vector<std::uint8_t> encode_grey_png(std::span<const std::uint8_t> pixels, std::int64_t height,
                                          std::int64_t width);

/// Writes encode_png(picture) to a file, whole or not at all. Throws UserError if it cannot be
/// written.
void write_png(const std::filesystem::path& path, const Picture& picture);

}  // namespace convmae
