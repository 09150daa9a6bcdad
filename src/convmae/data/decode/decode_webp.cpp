#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/exif.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

namespace convmae::decoders {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

/// Nothing if the container is damaged.
Demuxer demux(EncodedBytes encoded) {
  const WebPData data{encoded.data(), encoded.size()};
  return {WebPDemux(&data), WebPDemuxDelete};
}

WebPBitstreamFeatures features_of(EncodedBytes encoded) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(encoded.data(), encoded.size(), &features) != VP8_STATUS_OK) {
    throw UserError("damaged WebP: the header cannot be read");
  }
  return features;
}

/// What the library keeps beside the pixels, a pixel: a lossless image as words of 32 bits, and
/// alpha of others as bytes that may be compressed in the same way.
std::int64_t kept_bytes(const WebPBitstreamFeatures& features) {
  constexpr int kLossless = 2;
  constexpr std::int64_t kWord = 4;
  return features.format == kLossless ? kWord : features.has_alpha != 0 ? kWord + 1 : 0;
}

/// An image, or the first frame of an animation, and where it lies in what is shown.
struct Frame {
  EncodedBytes encoded;
  Size canvas;
  Box box;
};

Frame first_frame(EncodedBytes encoded, const WebPBitstreamFeatures& features) {
  const Size canvas{features.height, features.width};
  if (features.has_animation == 0) return {encoded, canvas, whole_image(canvas)};
  const Demuxer demuxer = demux(encoded);
  WebPIterator first;
  if (!demuxer || WebPDemuxGetFrame(demuxer.get(), 1, &first) == 0) {
    throw UserError("damaged WebP: the frames of an animation cannot be read");
  }
  // the iterator points into `encoded`
  const Frame frame{{first.fragment.bytes, first.fragment.size},
                    canvas,
                    {first.y_offset, first.x_offset, first.height, first.width}};
  WebPDemuxReleaseIterator(&first);
  const Box& box = frame.box;
  if (box.top < 0 || box.left < 0 || box.height > canvas.height - box.top ||
      box.width > canvas.width - box.left) {
    throw UserError("damaged WebP: a frame lies outside of its animation");
  }
  return frame;
}

int orientation_of_webp(EncodedBytes encoded) {
  const Demuxer demuxer = demux(encoded);
  WebPChunkIterator chunk;
  if (!demuxer || WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk) == 0) return 1;
  const int orientation = orientation_of_exif({chunk.chunk.bytes, chunk.chunk.size});
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

}  // namespace

void webp(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  const WebPBitstreamFeatures features = features_of(encoded);
  check_claim("WebP", {features.height, features.width, 3}, options);
  const std::int64_t channels = resolve_channels("WebP", 3, options);
  const auto& [bytes, canvas, box] = first_frame(encoded, features);
  check_claim("WebP",
              {.height = canvas.height,
               .width = canvas.width,
               .channels = 3,
               .work = box.height * box.width * kept_bytes(features_of(bytes))},
              options);
  out.resize(canvas, 3);
  const std::int64_t stride = canvas.width * 3;
  const std::int64_t begin = box.top * stride + box.left * 3;
  if (box.height < canvas.height || box.width < canvas.width) {
    std::ranges::fill(out.values<std::uint8_t>(), std::uint8_t{0});
  }
  const auto* decoded = WebPDecodeRGBInto(
      bytes.data(), bytes.size(), out.row<std::uint8_t>(0) + begin,
      static_cast<std::size_t>(out.num_bytes() - begin), static_cast<int>(stride));
  if (decoded == nullptr) {
    throw UserError("damaged WebP: the pixels cannot be decoded or the file is truncated");
  }
  change_channels(out, channels);
  turn_upright("WebP", options.apply_exif_orientation ? orientation_of_webp(encoded) : 1, options,
               out);
}

}  // namespace convmae::decoders
