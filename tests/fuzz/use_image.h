#pragma once

#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"

#include <cstdint>
#include <functional>
#include <span>

namespace convmae::fuzz {

/// Decodes once as stored and once to RGB, and reads every byte of the result, so that the
/// sanitizers see one that was not written.
inline void use_image(const std::function<void(EncodedBytes, const DecodeOptions&, Image&)>& decode,
                      EncodedBytes encoded) {
  for (const std::int64_t channels : {0, 3}) {
    DecodeOptions options;
    options.channels = channels;
    options.max_pixels = 1 << 18;  // larger ones only cost time
    options.apply_exif_orientation = channels == 0;
    try {
      Image image;
      decode(encoded, options, image);
      unsigned sum = 0;
      for (const std::byte byte :
           std::span(image.bytes(), static_cast<std::size_t>(image.num_bytes()))) {
        sum += std::to_integer<unsigned>(byte);
      }
      [[maybe_unused]] volatile const unsigned used = sum;
    } catch (const UserError&) {
      continue;  // the expected end of most inputs
    }
  }
}

}  // namespace convmae::fuzz
