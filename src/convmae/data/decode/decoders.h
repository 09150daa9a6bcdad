#pragma once

#include "convmae/data/decode/decode.h"

#include <cstdint>
#include <string>

/// The decoders behind decode_image, one file each. They check everything they take from the bytes
/// and throw UserError.
namespace convmae::decoders {

/// As decode_part; the others decode the whole image.
Box jpeg(EncodedBytes encoded, const DecodeOptions& options, const PartChooser& choose_part,
         Image& out);
void png(EncodedBytes encoded, const DecodeOptions& options, Image& out);
void webp(EncodedBytes encoded, const DecodeOptions& options, Image& out);
void tiff(EncodedBytes encoded, const DecodeOptions& options, Image& out);
void npy(EncodedBytes encoded, const DecodeOptions& options, Image& out);

/// What a file says of its image, and what decoding that takes beside the pixels as stored.
struct ImageClaim {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
  PixelType type = PixelType::uint8;
  std::int64_t work_per_pixel = 0;  ///< bytes
  std::int64_t work = 0;            ///< bytes in all
};

/// Throws UserError unless the image is not empty and within the limit of pixels and of bytes that
/// `options.max_pixels` sets. To be called before anything is allocated in the size of the image.
void check_claim(const std::string& format, const ImageClaim& claim, const DecodeOptions& options);

/// The bytes that may be in use while an image is decoded.
std::int64_t most_bytes(const DecodeOptions& options);

/// What spreading `stored` channels to more takes, for ImageClaim::work_per_pixel.
std::int64_t spreading_bytes(std::int64_t stored, std::int64_t delivered, PixelType type);

/// How many channels a file of `stored` channels is to be delivered with. Throws UserError if the
/// request cannot be met.
std::int64_t resolve_channels(const std::string& format, std::int64_t stored,
                              const DecodeOptions& options);

/// A library's message as part of our one line: all but printable ASCII becomes spaces.
std::string one_line(std::string message);

/// Pillow's rgb -> L.
inline std::uint8_t grey_of(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return static_cast<std::uint8_t>((r * 19595U + g * 38470U + b * 7471U + 0x8000U) >> 16);
}
/// The same weights; 65535 times their sum, 65536, and the half still fit.
inline std::uint16_t grey_of(std::uint16_t r, std::uint16_t g, std::uint16_t b) {
  return static_cast<std::uint16_t>((r * 19595U + g * 38470U + b * 7471U + 0x8000U) >> 16);
}
inline float grey_of(float r, float g, float b) {
  return (r * 19595 + g * 38470 + b * 7471) / 65536;
}

/// What is left of light (255 of white, or 65535) behind an ink of which 0 is none: Pillow's
/// CMYK -> RGB.
template <typename T>
T light_through_ink(std::uint32_t ink, T light) {
  constexpr int kBits = 8 * sizeof(T);
  const std::uint64_t t = std::uint64_t{ink} * light + (1U << (kBits - 1));
  return static_cast<T>(light - (((t >> kBits) + t) >> kBits));
}

/// Throws UserError if a float32 image holds NaN or infinity: one such pixel would spoil a model.
void check_finite(const std::string& format, const Image& image);

/// Changes the channel count of `image` in place to `channels`: grey from RGB, copies of grey, or
/// dropped channels behind the third (alpha). Takes memory only for more channels.
void change_channels(Image& image, std::int64_t channels);

/// Drops the channels behind the first `channels`, in place.
void keep_first(Image& image, std::int64_t channels);

/// Brings the image of a file of that orientation (1 to 8) upright where the options ask for it.
/// Throws UserError if the second copy that this takes is above the limit.
void turn_upright(const std::string& format, int orientation, const DecodeOptions& options,
                  Image& image);

}  // namespace convmae::decoders
