#pragma once

#include "convmae/data/decode/decode.h"

namespace convmae {

/// The size of an image as one sees it, turned as its EXIF tag says. No more of it is decoded than
/// that takes. Throws UserError as decode_image does.
Size upright_size(EncodedBytes encoded);

}  // namespace convmae
