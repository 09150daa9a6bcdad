#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"

#include <webp/decode.h>

#include <cstdint>
#include <string>

namespace convmae::decoders {

void webp(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(encoded.data(), encoded.size(), &features) != VP8_STATUS_OK) {
    throw UserError("damaged WebP: the header cannot be read");
  }
  if (features.has_animation != 0) {
    throw UserError("animated WebP is not supported: store one frame as an image");
  }
  // The library keeps a lossless image as words of 32 bits, and alpha of others as bytes that may
  // be compressed in the same way.
  constexpr int kLossless = 2;
  constexpr std::int64_t kWord = 4;
  const std::int64_t kept = features.format == kLossless ? kWord
                            : features.has_alpha != 0    ? kWord + 1
                                                         : 0;
  check_claim("WebP", {features.height, features.width, 3, PixelType::uint8, kept}, options);
  const std::int64_t channels = resolve_channels("WebP", 3, options);
  out.resize({features.height, features.width}, 3);
  const auto* decoded = WebPDecodeRGBInto(encoded.data(), encoded.size(), out.row<std::uint8_t>(0),
                                          static_cast<std::size_t>(out.num_bytes()),
                                          static_cast<int>(out.width() * 3));
  if (decoded == nullptr) {
    throw UserError("damaged WebP: the pixels cannot be decoded or the file is truncated");
  }
  change_channels(out, channels);
}

}  // namespace convmae::decoders
