#pragma once

#include "convmae/data/decode/decode.h"

namespace convmae {

/// The orientation 1..8 that a JPEG's EXIF block (APP1, TIFF tag 0x0112) states; 1 (upright) if
/// there is none or if the block is malformed. Reads nothing outside `encoded`.
int exif_orientation(EncodedBytes encoded);

/// Brings an image stored with that orientation upright, as Pillow's `ImageOps.exif_transpose`.
void apply_orientation(Image& image, int orientation);

}  // namespace convmae
