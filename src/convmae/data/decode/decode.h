#pragma once

#include "convmae/data/image.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace convmae {

using EncodedBytes = std::span<const std::uint8_t>;

enum class ImageFormat { jpeg, png, webp, tiff, npy, unknown };

/// What the first bytes say; names and extensions play no part (ImageNet holds a PNG called .JPEG).
ImageFormat sniff_image_format(EncodedBytes encoded);

/// The limit of an image's size where the user sets none: 256 MiB of RGB, above which Pillow warns.
constexpr std::int64_t kDefaultMaxPixels = 89'478'485;

struct DecodeOptions {
  /// 1: grey, (19595 R + 38470 G + 7471 B + 2^15) >> 16. 3: RGB; grey is copied to all three.
  /// Any other number must be what the file has. 0: as stored.
  std::int64_t channels = 3;
  /// Turns and mirrors as EXIF, in a TIFF its own tag, says. Off: as stored, in every format.
  bool apply_exif_orientation = false;
  /// Images of more pixels are refused by what their header says, before memory is taken for them,
  /// and so are those that need more bytes while they are decoded than so many pixels of 8-bit RGB:
  /// three times this number. Numbers of more than 8 bits, further channels, and what a library
  /// keeps beside the pixels (the coefficients of a progressive JPEG) count.
  std::int64_t max_pixels = kDefaultMaxPixels;
  /// JPEG only, faster and inexact: colour is repeated instead of interpolated, and the image is
  /// decoded at 1/2, 1/4 or 1/8 of its size where the part that is wanted keeps at least this size.
  std::optional<Size> fast_cover;
};

/// Decodes JPEG, PNG, WebP, TIFF or .npy into `out`, in the same pixels as Pillow's
/// `Image.open(f).convert("RGB")` or `convert("L")` where those keep the picture. What depth,
/// alpha, palette, orientation and colour space of each format become, and where that differs from
/// Pillow, is in docs/data.md under "Formats and values". Throws UserError (without the file's
/// name) if the bytes are damaged, truncated, unsupported or have another number of channels. Safe
/// to call from several threads.
void decode_image(EncodedBytes encoded, const DecodeOptions& options, Image& out);

/// Told the size of an image, says which part of it is wanted.
using PartChooser = std::function<Box(Size)>;
Box whole_image(Size size);

/// The same where only a part of the image is wanted: rows and columns that it does not need may be
/// left out of `out` (JPEG; a third of the time on average for random crops). Returns where the
/// part lies in `out`. The part's pixels are those that decode_image gives.
Box decode_part(EncodedBytes encoded, const DecodeOptions& options, const PartChooser& choose_part,
                Image& out);

}  // namespace convmae
