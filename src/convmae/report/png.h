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

/// The same of 16 bits.
std::vector<std::uint8_t> encode_grey_png(std::span<const std::uint16_t> pixels,
                                          std::int64_t height, std::int64_t width);

/// The bytes of a PNG file of `indices` into a palette, [height, width]: of 1 to 256 colours, more
/// than the largest index.
std::vector<std::uint8_t> encode_palette_png(std::span<const std::uint8_t> indices,
                                             std::int64_t height, std::int64_t width,
                                             std::span<const Colour> palette);

/// Writes encode_png(picture) to a file, whole or not at all. Throws UserError if it cannot be
/// written.
void write_png(const std::filesystem::path& path, const Picture& picture);

}  // namespace convmae
