#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/npy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

namespace convmae::decoders {

static_assert(std::endian::native == std::endian::little,
              "the .npy reader copies numbers as stored");

void npy(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  const NpyHeader header = read_npy_header(encoded);
  const std::size_t rank = header.shape.size();
  if (rank != 2 && rank != 3) {
    throw UserError(
        "expected a .npy image of shape (height, width) or (height, width, channels), "
        "found " +
        std::to_string(rank) + " dimensions: store one image a file");
  }
  const std::int64_t channels = rank == 3 ? header.shape[2] : 1;
  const bool is_grey_or_rgb = channels == 1 || channels == 3;
  if (rank == 3 && !is_grey_or_rgb && channels != options.channels &&
      header.shape[0] == options.channels) {
    throw UserError("expected a .npy image of shape (height, width, channels), found " +
                    std::to_string(header.shape[0]) + "x" + std::to_string(header.shape[1]) + "x" +
                    std::to_string(channels) +
                    ", the channels first: save numpy.moveaxis(a, 0, -1)");
  }
  ImageClaim claim{header.shape[0], header.shape[1], channels, header.type};
  check_claim(".npy", claim, options);
  const std::int64_t delivered = resolve_channels(".npy", channels, options);
  claim.work_per_pixel = spreading_bytes(channels, delivered, header.type);
  check_claim(".npy", claim, options);
  const EncodedBytes data = encoded.subspan(header.data_offset);
  const std::int64_t expected =
      header.shape[0] * header.shape[1] * channels * bytes_per_value(header.type);
  if (static_cast<std::int64_t>(data.size()) < expected) {
    throw UserError("damaged .npy: expected " + std::to_string(expected) +
                    " bytes of data, found " + std::to_string(data.size()));
  }
  out.resize({header.shape[0], header.shape[1]}, channels, header.type);
  std::memcpy(out.bytes(), data.data(), static_cast<std::size_t>(expected));
  check_finite(".npy", out);
  change_channels(out, delivered);
}

}  // namespace convmae::decoders
