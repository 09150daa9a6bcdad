#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/png_reader.h"

#include <cstdint>

namespace convmae::decoders {

void png(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  PngReader reader(encoded);
  reader.read_header(options.apply_exif_orientation);
  const std::int64_t visible = reader.has_colours() ? 3 : 1;
  ImageClaim claim = reader.claim(visible, PixelType::uint8);
  // The number of pixels first: it says more than what channels take.
  check_claim("PNG", {.height = claim.height, .width = claim.width, .channels = visible}, options);
  const std::int64_t channels = resolve_channels("PNG", visible, options);
  claim.work_per_pixel = spreading_bytes(visible, channels, PixelType::uint8);
  check_claim("PNG", claim, options);
  reader.read_pixels(PngReader::As::colours, out);
  change_channels(out, visible);
  change_channels(out, channels);
  turn_upright("PNG", reader.orientation(), options, out);
}

}  // namespace convmae::decoders
