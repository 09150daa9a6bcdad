#include "convmae/data/decode/upright_size.h"

namespace convmae {

Size upright_size(EncodedBytes encoded) {
  DecodeOptions options;
  options.channels = 0;
  options.apply_exif_orientation = true;
  Size size;
  Image pixel;
  // A part of one pixel: the rows behind it need not be decoded.
  decode_part(
      encoded, options,
      [&](Size whole) {
        size = whole;
        return Box{0, 0, 1, 1};
      },
      pixel);
  return size;
}

}  // namespace convmae
