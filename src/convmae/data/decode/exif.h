#pragma once

#include "convmae/data/decode/decode.h"

namespace convmae {

/// The orientation 1..8 that an EXIF block states (TIFF tag 0x0112; "Exif\0\0" may stand before
/// it); 1 (upright) if it states none or is malformed. Reads nothing outside the block.
int orientation_of_exif(EncodedBytes block);

/// That of a JPEG's EXIF block (APP1).
int orientation_of_jpeg(EncodedBytes encoded);

/// Brings an image stored with that orientation upright, as Pillow's `ImageOps.exif_transpose`.
void apply_orientation(Image& image, int orientation);

}  // namespace convmae
