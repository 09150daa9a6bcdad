#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/labels/label_palette.h"

#include <cstdint>

namespace convmae {

struct LabelDecodeOptions {
  /// For files in colours; those in numbers have no use for it.
  const LabelPalette* palette = nullptr;
  std::int64_t max_pixels = kDefaultMaxPixels;  ///< as DecodeOptions has it
};

/// Reads a label file as numbers, one a pixel: of a PNG the indices of its palette, or its grey
/// values of 1, 2, 4, 8 or 16 bits as they stand there; of a .npy its uint8 or uint16. RGB of 8
/// bits becomes ids by the palette. Alpha is left out; orientation plays no part. `ids` becomes
/// [height, width, 1] of uint8 or uint16. Throws UserError (without the file's name) if the bytes
/// are damaged, truncated, of another kind, or have a colour that the palette does not list. Safe
/// to call from several threads.
void decode_label(EncodedBytes encoded, const LabelDecodeOptions& options, Image& ids);

}  // namespace convmae
